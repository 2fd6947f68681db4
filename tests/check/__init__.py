"""Tests of what looks at a node's surroundings."""
