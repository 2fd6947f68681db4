"""Kinds for where mail goes: the next hops of a domain and the way out for notices.

Knows no resolver. Used like every other kind (see ``config.kinds``).
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from shieldrelay.config.hosts import HostPort, ServerAddress
from shieldrelay.config.kinds import Kind, Unfit, shown, text_of


@frozen
class NextHops(Kind[tuple[tuple[HostPort, ...], ...]]):
    """The next hops of a domain in order; those of an inner list share the load."""

    def parse(self, written: object) -> tuple[tuple[HostPort, ...], ...]:
        """Give the groups, each of one server or more; groups are tried in order."""
        if not isinstance(written, list) or not written:
            raise Unfit(f"{shown(written)} is not a list of at least one next hop")
        groups = tuple(self._group(group) for group in written)
        every = [hop for group in groups for hop in group]
        for hop in every:
            if every.count(hop) > 1:
                raise Unfit(f"{hop} is named twice")
        return groups

    def _group(self, group: object) -> tuple[HostPort, ...]:
        members = group if isinstance(group, list) else [group]
        if not members:
            raise Unfit("an inner list is empty")
        return tuple(ServerAddress().parse(member) for member in members)

    @property
    def valid(self) -> str:
        """The forms."""
        return 'a list of servers ("192.0.2.25:25", "mail.example:25"); an inner list shares between its members'


class NoticeWay(Enum):
    """How notices (DSNs) leave (R8)."""

    MX = "mx"
    NEXT_HOP = "next_hop"
    SMARTHOST = "smarthost"


@frozen
class NoticeRoute:
    """The way out for notices.

    :ivar smarthost: the server that takes them all when the way is SMARTHOST, else ``None``.
    """

    way: NoticeWay
    smarthost: HostPort | None = None


@frozen
class NoticeRouteText(Kind[NoticeRoute]):
    """``mx``, ``next_hop`` or ``smarthost:HOST[:PORT]``."""

    def parse(self, written: object) -> NoticeRoute:
        """Give the route."""
        text = text_of(written)
        way, colon, rest = text.partition(":")
        if way == "smarthost" and colon:
            return NoticeRoute(NoticeWay.SMARTHOST, ServerAddress().parse(rest))
        if text in ("mx", "next_hop"):
            return NoticeRoute(NoticeWay(text))
        raise Unfit(f"{shown(written)} is not a way for notices")

    @property
    def valid(self) -> str:
        """The forms."""
        return '"mx", "next_hop" or "smarthost:HOST[:PORT]"'
