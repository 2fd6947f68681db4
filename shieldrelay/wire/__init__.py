"""Floor 3: Twisted at the sockets."""
