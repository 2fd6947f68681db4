"""Claims about the documents: the commands in them do what the page says."""
