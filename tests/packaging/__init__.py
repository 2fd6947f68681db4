"""Claims about what the package installs beside the program."""
