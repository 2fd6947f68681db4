"""`Provenance`: where the mail of one transaction says that it comes from, and what becomes of that (R24, R26).

Holds the evidence while it comes in, has the gate judge it once, writes the Authentication-Results field, and renames
those that came in under our name. One per transaction, made at MAIL by `delivery.intake`. Knows no DNS. Never fails.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred

from shieldrelay.mail.address import ReversePath
from shieldrelay.mail.authentication import authentication_results
from shieldrelay.mail.authentication_renaming import Renaming
from shieldrelay.mail.client import Client
from shieldrelay.mail.evidence import NO_REVERSE, Reverse, ReverseName, Sender
from shieldrelay.mail.verdict import Refusal
from shieldrelay.ports import Visit


class Dossier(Protocol):
    """What is being found out about a sender: `wire.lookup_dossier.Dossier`."""

    @property
    def sender(self) -> Sender:
        """Give what is known now."""

    @property
    def complete(self) -> bool:
        """Whether no more will be known."""

    @property
    def spf_known(self) -> bool:
        """Whether the result of SPF is there."""

    def wait(self) -> Deferred[None] | None:
        """Give what fires when it is complete; ``None`` when it is."""


class Lookups(Protocol):
    """Who finds it out: `wire.lookups.Lookups`."""

    def reverse(self, client: Client) -> Reverse:
        """Give what is known of a client's name."""

    def sender(self, client: Client, reverse_path: ReversePath, helo: str) -> Dossier:
        """Give what is known of a sender, and have the rest found out."""


class SenderGate(Protocol):
    """Who judges: `shield.gate.Gate`."""

    def sender(self, visit: Any, sender: Sender, reverse: Reverse, now: float) -> Refusal | None:
        """Judge a sender, and what is known of its client's name."""


@frozen
class ProvenanceTools:
    """What every transaction's provenance works with.

    :ivar lookups: ``None``: nothing is asked, judged or told.
    :ivar authserv_id: the name under which results are told.
    :ivar ours: names under which nobody else may; none: arriving fields stay what they are.
    """

    gate: SenderGate | None = None
    lookups: Lookups | None = None
    authserv_id: str = ""
    ours: Collection[str] = ()


NOTHING = ProvenanceTools()
"""Asks, judges, tells and renames nothing."""


class Provenance:
    """One transaction's."""

    __slots__ = ("_client", "_dossier", "_helo", "_judged", "_path", "_renaming", "_told", "_tools", "_visit")

    def __init__(self, tools: ProvenanceTools, visit: Visit, client: Client, path: ReversePath, helo: str) -> None:
        self._tools = tools
        self._visit = visit
        self._client = client
        self._path = path
        self._helo = helo
        self._dossier = None if tools.lookups is None else tools.lookups.sender(client, path, helo)
        self._judged = self._dossier is None
        self._told = self._dossier is None
        self._renaming = Renaming(tools.ours) if tools.ours else None

    def judged(self, now: float, *, finally_: bool = False) -> Refusal | None:
        """Judge the sender, once, when all is known; or, finally, by what is."""
        dossier, gate, lookups = self._dossier, self._tools.gate, self._tools.lookups
        if self._judged or dossier is None or gate is None or lookups is None or not (dossier.complete or finally_):
            return None
        self._judged = True
        return gate.sender(self._visit, dossier.sender, lookups.reverse(self._client), now)

    def wait(self) -> Deferred[None] | None:
        """Give what fires when it can be judged; ``None`` when it was, or for a client that need not wait (R19)."""
        if self._judged or self._dossier is None or self._visit.known_good:
            return None
        return self._dossier.wait()

    def field(self, *, finally_: bool = False) -> bytes:
        """Give the Authentication-Results field, once: when the result is known, or, finally, as it is."""
        dossier, lookups = self._dossier, self._tools.lookups
        if self._told or dossier is None or lookups is None or not (dossier.spf_known or finally_):
            return b""
        self._told = True
        spf, reverse = dossier.sender.spf, lookups.reverse(self._client)
        return authentication_results(
            self._tools.authserv_id, spf, self._path, self._helo, self._client.address, reverse
        )

    @property
    def client_name(self) -> str:
        """The name of the client's address, when it is confirmed (RFC 8601 §2.7.3); else ``""``."""
        lookups = self._tools.lookups
        reverse = NO_REVERSE if lookups is None else lookups.reverse(self._client)
        return reverse.name if reverse.state is ReverseName.CONFIRMED else ""

    def passed(self, block: bytes) -> bytes:
        """Give a block of content as it may go on; may be empty."""
        return block if self._renaming is None else self._renaming.feed(block)

    def rest(self) -> bytes:
        """Give what was held back of the content."""
        return b"" if self._renaming is None else self._renaming.finish()
