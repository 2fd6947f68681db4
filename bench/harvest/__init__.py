"""Simulated harvesters against the real judgement, under simulated time: ``python -m bench.harvest``."""
