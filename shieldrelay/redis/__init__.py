"""Members meet in a Redis server."""
