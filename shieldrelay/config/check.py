"""Settings of ``[check]``: what ``shieldrelayctl check`` looks for around the node. Declarations only."""

from __future__ import annotations

from shieldrelay.config.hosts import DomainName
from shieldrelay.config.kinds import ListOf, Word
from shieldrelay.config.setting import section, setting


@section
class Check:
    """What `shieldrelayctl check` goes by; the running node has no use for it."""

    nodes: tuple[str, ...] = setting(
        ListOf(DomainName()),
        default=[],
        example=["mx2.shield.example"],
        help="The other nodes, by the names that MX records may lead to besides this node's.",
    )
    lists: tuple[str, ...] = setting(
        ListOf(DomainName()),
        default=["zen.spamhaus.org", "bl.spamcop.net", "psbl.surriel.com", "dnsbl-1.uceprotect.net"],
        help="DNS lists on which no node's address should be.",
    )
    guessed: tuple[str, ...] = setting(
        ListOf(Word()),
        default=[
            "mail", "smtp", "mx", "mx1", "mail1", "mailserver", "imap", "pop", "webmail", "exchange", "owa",
            "autodiscover", "remote", "zimbra",
        ],
        help="Labels that everybody tries below a domain; no protected server should answer to one.",
    )  # fmt: skip
