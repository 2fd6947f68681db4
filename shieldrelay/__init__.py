"""A clustered inbound SMTP relay that takes the attacks in the place of the mail server behind it.

The floors, from the ground: ``mail`` (vocabulary), ``smtp`` (the protocol, without sockets), ``shield``,
``recipients``, ``cluster``, ``spool`` and ``delivery`` (judgement and durability), ``wire`` and ``admin`` (Twisted).
Imports go down only; ``assembly`` is where the rooms of one floor meet.
"""

__version__ = "0.2.0"
