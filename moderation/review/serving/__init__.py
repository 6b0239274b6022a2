"""What pages and API share: the application, who is signed in, protection of requests, and errors as responses."""
