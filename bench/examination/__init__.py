"""The examination: attacks on a running node, by clients and a next hop that share no code with it."""
