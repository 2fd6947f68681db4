"""Claims about setting a node up."""
