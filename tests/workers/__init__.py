"""Claims about several processes of one node."""
