"""A fortnight of traffic against the real reputation and the real history, on a virtual clock."""
