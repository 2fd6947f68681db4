"""Tests of the prompt inside the node."""
