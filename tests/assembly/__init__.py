"""Claims about `shieldrelay.assembly`."""
