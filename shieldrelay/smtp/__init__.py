"""Floor 1: the protocol. Sans-io: bytes in, events and bytes out; no clock, no socket, no asynchrony."""
