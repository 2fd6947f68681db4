"""A flood of connections that are opened and held. Blocking, for a thread of its own."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack

from tests.attackers import guessing
from tests.attackers.guessing import PATIENCE, Ending, Pass, Session, Told


def held(address: tuple[str, int], sources: Sequence[str], lawful: str, passing: Pass) -> tuple[int, Told]:
    """Hold a connection from each source, and send a lawful message meanwhile.

    :returns: how many were greeted, and what the lawful client was told.
    """
    with ExitStack() as stack:
        greeted = 0
        for source in sources:
            one = stack.enter_context(socket.create_connection(address, PATIENCE, source_address=(source, 0)))
            greeted += one.recv(1000).startswith(b"220")
        message = Session(lawful, (b"user7",), ending=Ending.MESSAGE)
        return greeted, guessing.play(address, message, passing)
