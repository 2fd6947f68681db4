"""Floor 2: who exists behind us: the Valid Address List."""
