"""Claims about `shieldrelay.alarms`."""
