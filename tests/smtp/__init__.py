"""The protocol, sans-io."""
