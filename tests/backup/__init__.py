"""Claims about backup and restore."""
