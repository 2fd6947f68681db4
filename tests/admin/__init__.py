"""The control surface: calls, and real unix sockets."""
