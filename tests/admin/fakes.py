"""An appliance in memory, for the tests of the control surface."""

from __future__ import annotations

from attrs import evolve

from shieldrelay.admin.picture import (
    DomainPicture,
    MessagePicture,
    NextHopPicture,
    NodePicture,
    NoticesPicture,
    QueuedPicture,
    QueuePage,
    RecipientPicture,
    ReloadPicture,
    SpoolPicture,
)

NOW = 1_800_000_000.0
HOSTILE = "\x1b[31mred\x1b[0m\r\nX: y\x9b"


def a_message(id: str, domain: str, arrived: float, state: str = "waiting") -> MessagePicture:
    """Give a message of a stranger who sends escape sequences."""
    return MessagePicture(
        id=id,
        domain=domain,
        state=state,
        arrived=arrived,
        due=NOW + 100,
        size=4300,
        sender="carol@elsewhere.example",
        recipients=(RecipientPicture(f"bob@{domain}", "waiting"), RecipientPicture(f"alice@{domain}", "taken")),
        expires=NOW + 600_000,
        attempts=2,
        last_attempt=NOW - 30,
        reason=f"452 {HOSTILE}",
        client=f"192.0.2.7 {HOSTILE}",
        header=f"Subject: {HOSTILE}\r\nFrom: c\r\n",
    )


class MemoryAppliance:
    """Satisfies ``admin.api.Appliance``.

    :ivar messages: by id.
    :ivar busy: ids that are being delivered.
    :ivar fault: raised by whatever touches the spool, when set.
    """

    def __init__(self) -> None:
        self.messages = {
            f"M{number}": a_message(f"M{number}", domain, NOW - 1000 + number)
            for number, domain in enumerate(["example.test", "example.test", "xn--mnchen-3ya.example"])
        }
        self.busy: set[str] = set()
        self.drills: dict[str, float] = {}
        self.reloaded = ReloadPicture(changes=("delivery.probe: 60s -> 30s",))
        self.fault: Exception | None = None
        self.flushed: list[str] = []
        self.suspicious: set[str] = set()

    def domains(self) -> tuple[str, ...]:
        return "example.test", "xn--mnchen-3ya.example"

    async def status(self) -> NodePicture:
        hop = NextHopPicture("192.0.2.25:25", "down", reason="no answer")
        domains = [
            DomainPicture(
                name,
                "open",
                NOW - 192,
                reason="three faults in a row",
                drill_until=self.drills.get(name),
                queued=sum(one.domain == name for one in self.messages.values()),
                octets=4300,
                oldest=NOW - 1000,
                ramp_limit=1,
                next_hops=(hop,),
            )
            for name in self.domains()
        ]
        return NodePicture(
            "mx1.shield.example",
            "0.1",
            NOW,
            NOW - 100_000,
            7,
            2,
            SpoolPicture("/var/spool/shieldrelay", "ok", 5 << 30, 100_000),
            NoticesPicture(1, 2, 3),
            tuple(domains),
            tls_expires=NOW + 86400 * 20,
            alarms=("the disk is nearly full",),
        )

    async def queue(self, domain: str | None, limit: int, after: str | None) -> QueuePage:
        self._check()
        found = sorted(
            (one for one in self.messages.values() if domain in (None, one.domain)), key=lambda one: one.arrived
        )
        start = next((place + 1 for place, one in enumerate(found) if one.id == after), 0)
        page = found[start : start + limit]
        more = start + limit < len(found)
        return QueuePage(tuple(map(self._queued, page)), len(found), page[-1].id if more else None)

    def _queued(self, one: MessagePicture) -> QueuedPicture:
        to = tuple(each.address for each in one.recipients)
        return QueuedPicture(
            one.id, one.domain, one.state, one.arrived, one.due, one.size, one.sender, to, one.attempts, one.reason
        )

    async def message(self, id: str) -> MessagePicture | None:
        self._check()
        return self.messages.get(id)

    async def flush(self, domain: str) -> int:
        self.flushed.append(domain)
        return sum(one.domain == domain for one in self.messages.values())

    async def drill(self, domain: str, minutes: int) -> float | None:
        if minutes:
            self.drills[domain] = NOW + 60 * minutes
        else:
            self.drills.pop(domain, None)
        return self.drills.get(domain)

    async def believe(self, domain: str) -> bool:
        believed = domain in self.suspicious
        self.suspicious.discard(domain)
        return believed

    async def hold(self, id: str) -> bool | None:
        return self._turn(id, "held")

    async def release(self, id: str) -> bool | None:
        return self._turn(id, "waiting")

    async def delete(self, id: str) -> bool | None:
        if id in self.busy:
            return False
        return None if self.messages.pop(id, None) is None else True

    async def bounce(self, id: str) -> bool | None:
        return await self.delete(id)

    async def original(self, id: str) -> bytes | None:
        return b"Subject: x\r\n\r\nwords\r\n" if id in self.messages else None

    async def reload(self) -> ReloadPicture:
        return self.reloaded

    def _turn(self, id: str, state: str) -> bool | None:
        if id not in self.messages:
            return None
        if id in self.busy:
            return False
        self.messages[id] = evolve(self.messages[id], state=state)
        return True

    def _check(self) -> None:
        if self.fault is not None:
            raise self.fault
