"""The declared settings: their schema, reading and rendering."""
