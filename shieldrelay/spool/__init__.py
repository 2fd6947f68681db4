"""Floor 2: mail that is kept: one member's Maildir per protected domain, its records, ledger and headroom (D5)."""
