"""Lists of recipients in memory, for the tests of the control surface."""

from __future__ import annotations

from attrs import evolve

from shieldrelay.admin.api_lists import PushChange
from shieldrelay.admin.picture_lists import (
    CheckPicture,
    ContradictionPicture,
    ImportPicture,
    ListPicture,
    OutcomePicture,
    VersionPicture,
)
from shieldrelay.mail.address import Mailbox
from tests.admin.fakes import HOSTILE, NOW


class MemoryRecipients:
    """Satisfies ``admin.api_lists.Recipients``.

    :ivar names: local-parts of ``example.test``, version by version; the last is in force.
    :ivar polls: how often an import is found running before it ends.
    :ivar fault: raised by whatever touches the disk, when set.
    """

    def __init__(self) -> None:
        self.names: list[frozenset[bytes]] = [frozenset((b"alice",)), frozenset((b"alice", b"bob"))]
        self.refused: frozenset[bytes] | None = None
        self.state = "enforced"
        self.polls = 2
        self.last: OutcomePicture | None = None
        self.pushed: list[tuple[PushChange, int]] = []
        self.fault: OSError | None = None

    def domains(self) -> tuple[str, ...]:
        return "example.test", "xn--mnchen-3ya.example"

    async def picture(self, domain: str) -> ListPicture:
        self._check()
        source, top = "ldaps://directory.test", self._top
        versions = tuple(
            VersionPicture(number, NOW - 900, len(names), source, "import", in_force=number == top)
            for number, names in reversed(list(enumerate(self.names, 1)))
        )
        return ListPicture(
            domain=domain,
            kind="fetched",
            source="ldaps://directory.test",
            state=self.state,
            entries=len(self.names[-1]),
            observing_until=NOW + 3600 if self.state == "observed" else None,
            freshness="old",
            confirmed=NOW - 900_000,
            waiting=1,
            trouble=f"version 1: {HOSTILE}",
            refused=None if self.refused is None else VersionPicture(9, NOW, len(self.refused)),
            refused_why="everybody would cease to exist",
            versions=versions,
            contradictions=(
                ContradictionPicture(f"bob@{domain}", "refused although listed", f"550 {HOSTILE}", NOW - 5, 3),
            ),
            importing=ImportPicture(domain, running=False, outcome=self.last, ended=NOW - 900, next=NOW + 60),
        )

    async def check(self, mailbox: Mailbox) -> CheckPicture:
        if mailbox.domain_key not in self.domains():
            return CheckPicture(str(mailbox), mailbox.domain_key, "not ours", taken=False)
        listed = mailbox.local_key in self.names[-1]
        observed = self.state == "observed"
        return CheckPicture(
            str(mailbox),
            mailbox.domain_key,
            "listed" if listed else "unknown",
            taken=listed or observed,
            why="the list only observes" if observed and not listed else "",
        )

    async def start_import(self, domain: str, *, force: bool, by: str) -> ImportPicture:
        self.polls = 2
        return ImportPicture(domain, running=True, stage="queued")

    async def importing(self, domain: str) -> ImportPicture:
        self.polls -= 1
        if self.polls > 0:
            return ImportPicture(domain, running=True, stage="fetching", done=1000)
        self.last = self.last or OutcomePicture("adopted", version=self._top, entries=2, faults=(f"line 3: {HOSTILE}",))
        return ImportPicture(domain, running=False, outcome=self.last, ended=NOW)

    async def push(self, domain: str, change: PushChange, lines: bytes, *, force: bool, by: str) -> OutcomePicture:
        self._check()
        self.pushed.append((change, len(lines)))
        names = frozenset(lines.split())
        if b"@" in names:
            return OutcomePicture("malformed", "lines are no recipients", faults=("add:1: it is no address",))
        before = self.names[-1]
        wanted = {PushChange.ADD: before | names, PushChange.REMOVE: before - names, PushChange.REPLACE: names}.get(
            change, before - {name[1:] for name in names if name[:1] == b"-"}
        )
        if change is PushChange.EDIT:
            wanted |= {name[1:] for name in names if name[:1] == b"+"}
        if not wanted and not force:
            self.refused = wanted
            return OutcomePicture("refused", "everybody would cease to exist")
        if wanted == before:
            return OutcomePicture("unchanged")
        self.names.append(wanted)
        return OutcomePicture("pushed", version=self._top, entries=len(wanted), changes=len(names))

    async def rollback(self, domain: str, version: int | None, by: str) -> OutcomePicture:
        number = self._top - 1 if version is None else version
        if not 1 <= number <= self._top:
            return OutcomePicture("absent", f"there is no version {number}")
        self.names = self.names[:number]
        return OutcomePicture("adopted", version=number, entries=len(self.names[-1]))

    async def accept(self, domain: str, by: str) -> OutcomePicture:
        if self.refused is None:
            return OutcomePicture("absent", "nothing was refused")
        self.names.append(self.refused)
        self.refused = None
        return OutcomePicture("adopted", version=self._top, entries=len(self.names[-1]))

    async def enforce(self, domain: str, by: str) -> ListPicture:
        self.state = "enforced"
        return await self.picture(domain)

    async def observe(self, domain: str, seconds: float, by: str) -> ListPicture:
        self.state = "observed"
        return evolve(await self.picture(domain), observing_until=NOW + seconds)

    @property
    def _top(self) -> int:
        return len(self.names)

    def _check(self) -> None:
        if self.fault is not None:
            raise self.fault
