"""The defences as judgement."""
