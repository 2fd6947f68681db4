"""Floor 0: the vocabulary of mail. Values only: no clock, no socket, no randomness, no asynchrony."""
