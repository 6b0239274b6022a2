"""What the console shows, without a database."""
