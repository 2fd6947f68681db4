"""Floor 2: when, where and how fast mail goes to the next hop, and what its answers mean."""
