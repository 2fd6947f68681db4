"""Setting a node up for a protected domain: questions, looks at DNS, TLS and the next hop, and the files that follow.

A process of its own (``python -m shieldrelay.setup``), which ``shieldrelayctl setup`` runs; needs no running node.
Blocking, with a limit for every wait. Nothing is written before everything is known and the whole configuration was
tried.
"""
