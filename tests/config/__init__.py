"""Claims about the configuration: declarations, reading, rendering."""
