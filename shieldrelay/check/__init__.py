"""A look at what surrounds a node: its configuration, certificate, DNS, and what strangers can reach.

A process of its own (``python -m shieldrelay.check``), which ``shieldrelayctl check`` runs; needs no running node, may
run on another machine, and changes nothing anywhere. Blocking, with a limit for every wait.
"""
