"""Claims about `shieldrelay.metrics`."""
