"""The trace: its index and its search."""
