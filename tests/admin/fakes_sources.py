"""Defences in memory, for the tests of the control surface."""

from __future__ import annotations

import ipaddress

from shieldrelay.admin.api_sources import EntryKind, ListKind, Revoked
from shieldrelay.admin.picture_sources import (
    DefencePicture,
    EntryPage,
    EntryPicture,
    JudgementPicture,
    RefusalPicture,
    SourcePicture,
    WorstPicture,
)
from tests.admin.fakes import HOSTILE, NOW

BANNED = "192.0.2.7"


class MemoryDefences:
    """Satisfies ``admin.api_sources.Defences``.

    :ivar inside: entries by network; one stands in the configuration, one is a ban.
    """

    def __init__(self) -> None:
        self.inside = {
            "198.51.100.0/24": EntryPicture("198.51.100.0/24", "deny", None, None, "", "configuration", True),
            BANNED: EntryPicture(BANNED, "ban", NOW - 60, NOW + 1740, f"guessed {HOSTILE}", "harvest"),
        }
        self.asked: list[str] = []

    def wall(self) -> float:
        return NOW

    async def explain(self, address: str) -> SourcePicture:
        self.asked.append(address)
        entry = self.inside.get(address)
        if address != BANNED:
            return SourcePicture(
                address, address, f"{address}/24", "stranger", "served", entry=entry, greeting_delay=3.0
            )
        return SourcePicture(
            address=address,
            source=address,
            network="192.0.2.0/24",
            acquaintance="stranger",
            now="refused",
            why="3.0 unknown recipients in 10 minutes, limit 2",
            until=NOW + 1740,
            entry=entry,
            sessions=1,
            stressed=True,
            defences=(
                DefencePicture("connections", "observe", "12 sessions at once, limit 10", told=("12 of 10 sessions",)),
                DefencePicture("harvest", "enforce", "cut off", NOW + 1740, (f"asked {HOSTILE}",)),
                DefencePicture("history"),
            ),
            steps=(
                JudgementPicture("connect", "lists", "passes", why="on no list"),
                JudgementPicture("connect", "connections", "would refuse", "observe", "12 sessions at once, limit 10"),
                JudgementPicture("connect", "harvest", "refuses", "enforce", f"asked {HOSTILE}", NOW + 1740),
                JudgementPicture("RCPT", "harvest", "refuses", "enforce", "all alike"),
            ),
            refusals=(RefusalPicture("1xUzun3PcWee0dUqRj1Gpl1r", "harvest", NOW - 30, 412),),
        )

    async def worst(self, limit: int) -> tuple[WorstPicture, ...]:
        worst = (
            WorstPicture(BANNED, "refused", f"guessed {HOSTILE}", NOW + 1740, 0, 31.6),
            WorstPicture("203.0.113.4", "served", sessions=9),
        )
        return worst[:limit]

    async def release(self, network: str, by: str) -> int:
        wide = ipaddress.ip_network(network)
        bans = [
            text
            for text, entry in self.inside.items()
            if entry.kind == "ban" and ipaddress.ip_address(text) in wide
        ]
        for text in bans:
            del self.inside[text]
        return len(bans)

    async def enter(self, kind: ListKind, network: str, until: float | None, reason: str, by: str) -> EntryPicture:
        entry = self.inside[network] = EntryPicture(network, kind.value, NOW, until, reason, by)
        return entry

    async def revoke(self, network: str, by: str) -> Revoked:
        entry = self.inside.get(network)
        if entry is None or entry.kind == "ban":
            return Revoked.ABSENT
        if entry.configured:
            return Revoked.CONFIGURED
        del self.inside[network]
        return Revoked.DONE

    async def entries(self, kind: EntryKind | None, limit: int, after: str | None) -> EntryPage:
        of_kind = sorted(each for each in self.inside if kind is None or self.inside[each].kind == kind.value)
        page = [each for each in of_kind if each > (after or "")][:limit]
        more = bool(page) and page[-1] != of_kind[-1]
        return EntryPage(tuple(self.inside[each] for each in page), len(of_kind), page[-1] if more else None)
