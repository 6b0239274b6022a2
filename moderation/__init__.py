"""The sidecar: content and metadata signals of posts, combined in one risk."""
