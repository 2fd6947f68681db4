"""`Plan`: what somebody wants to set up, complete and valid. Values only."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from shieldrelay.config.hosts import HostPort
from shieldrelay.config.sources import RecipientSource


@frozen
class Plan:
    """What is to be set up.

    :ivar hostname: the node's name.
    :ivar domain: that is to be protected.
    :ivar next_hops: its servers, in the order in which they are tried.
    :ivar recipients: where it is written who exists.
    :ivar listed: who is written into a new file of recipients; none when there is a file, or none is made.
    :ivar certificate: with its key; ``None``: the node makes its own.
    :ivar nodes: the other nodes of the cluster, by name.
    :ivar addresses: of this node, for when DNS does not have them yet.
    """

    hostname: str
    domain: str
    next_hops: tuple[HostPort, ...]
    recipients: RecipientSource
    listed: tuple[str, ...] = ()
    certificate: tuple[Path, Path] | None = None
    nodes: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    @property
    def new_list(self) -> Path | None:
        """The file of recipients that is to be made; ``None``: none is."""
        return Path(self.recipients.location) if self.listed else None
