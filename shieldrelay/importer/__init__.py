"""Floor 3: fetches the recipients of a domain from where its operator keeps them, in a child process of its own."""
