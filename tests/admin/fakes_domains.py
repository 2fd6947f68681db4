"""Domains that are given at run time, for the tests of the control API."""

from __future__ import annotations

from collections.abc import Sequence

from shieldrelay.admin.api_domains import PushRefused
from shieldrelay.admin.picture_members import PushedPicture

NOW = 1_800_000_000.0


class MemoryDomains:
    """Satisfies `admin.api_domains.Domains`: a text that begins with ``domain`` is valid.

    :ivar texts: by domain.
    """

    def __init__(self) -> None:
        self.texts = {"pushed.test": 'domain = "pushed.test"\n'}
        self.by: list[str] = []
        self.disk_fails = False

    async def pushed(self) -> Sequence[PushedPicture]:
        """Give them."""
        return [PushedPicture(name, NOW, "eve", "in force", text) for name, text in sorted(self.texts.items())]

    async def push(self, text: str, by: str) -> str:
        """Take one."""
        if self.disk_fails:
            raise OSError(28, "No space left on device")
        if not text.startswith("domain"):
            raise PushRefused("new.test:1: it is not valid TOML")
        name = text.split('"')[1]
        self.texts[name] = text
        self.by.append(by)
        return name

    async def remove(self, domain: str, by: str) -> bool:
        """Take one away."""
        return self.texts.pop(domain, None) is not None
