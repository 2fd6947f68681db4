"""Floor 2: the defences, as pure judgement over facts."""
