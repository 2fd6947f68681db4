"""Claims about who exists."""
