"""Claims about the content stage."""
