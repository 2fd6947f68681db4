"""Floor 2: mail that is kept, durably, until it is delivered."""
