"""Peers: how the nodes of one cluster talk to each other, beyond what goes through the hub (D10, R31).

HTTP over TLS in which both sides prove that they have the cluster's key, and every request and every answer sealed with
it. ``peers.server`` answers, ``peers.client`` asks; the assembly says what is answered, through ``peers.router``.
Knows neither lists nor domains nor mail.
"""
