"""Whole nodes in a cluster, each on a host of its own in a network that a test makes and breaks."""
