"""A spool's other parts for the tests of the control API."""

from __future__ import annotations

from shieldrelay.spool.adoption import Adopted, LostPart
from shieldrelay.spool.faults import NotAdoptable, SpoolInUse, SpoolUnavailable


class MemoryParts:
    """Satisfies `admin.api_parts.Parts`.

    :ivar locked: by part, whether a process holds it.
    :ivar adopted: what was taken over.
    """

    def __init__(self) -> None:
        self.locked = {"mx2.shield.example": False, "mx3.shield.example": True}
        self.adopted: list[str] = []
        self.disk_fails = False

    async def parts(self) -> list[LostPart]:
        """Give them."""
        return [LostPart(member, locked) for member, locked in sorted(self.locked.items())]

    async def adopt(self, member: str) -> Adopted:
        """Take one over."""
        if self.disk_fails:
            raise SpoolUnavailable(5, "the disk reports an input/output error")
        if member not in self.locked:
            raise NotAdoptable(member, "there is no such part of the spool")
        if self.locked.pop(member):
            raise SpoolInUse(f"/var/spool/shieldrelay/{member}", 4711)
        self.adopted.append(member)
        return Adopted(member, messages=3, octets=1200, held=1, aside=1, stuck=2)
