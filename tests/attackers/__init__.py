"""Attackers over real sockets against a whole node, whose time can be made to pass."""
