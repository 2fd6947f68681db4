"""The vocabulary: pure calls."""
