"""``make run``: a complete node on loopback with a customer's server behind it, for looking and trying."""
