"""Edit header fields of requests and responses by rules."""
