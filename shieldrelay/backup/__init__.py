"""Keeping and putting back what a node is configured with and has learned: configuration, lists, history, secrets.

A process of its own (``python -m shieldrelay.backup``), which ``shieldrelayctl backup`` and ``restore`` run. Mail in
the spool is no part of it: a spool that is put back delivers what was delivered long ago. Blocking.
"""
