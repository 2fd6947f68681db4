"""Floor 3: seeing and steering a node."""
