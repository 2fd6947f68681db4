"""Claims about how nodes talk to each other."""
