"""The manhole bound to the house: what can be named at the prompt, what its banner says, and when it is there.

SSH is imported at the start of a node that has `[manhole] listen`, never by others. A manhole that cannot be opened is
an alarm; mail goes on without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.error import CannotListenError

from shieldrelay.assembly import pictures_sources
from shieldrelay.assembly.house import House
from shieldrelay.mail.client import client_of

if TYPE_CHECKING:
    from shieldrelay.manhole.entrance import Entrance

DIRECTORY = "manhole"
"""Below the state directory: the host key."""

NAMES: dict[str, str] = {
    "house": "the node: everything below hangs on it",
    "configuration": "the settings in force at this log-in",
    "ways": "protected domain: its next hops, lane (breaker, ramp) and queue",
    "sessions": "list of the open connections of clients",
    "shield": "the defences with what they remember, the register of bans and lists, the hub",
    "recipients": "the lists of recipients",
    "spool": "the mail on disk; its methods give Deferreds, which the prompt shows when they fire",
    "journal": 'tells lines: journal.event("alarm", alarm="...", reason="...")',
    "reactor": "the event loop",
    "explain": 'explain("192.0.2.7"): why an address is treated as it is',
    "run": "run(coroutine): begins it and shows what it gives",
    "names": "names(): this table",
}
"""What can be named at the prompt; docs/manhole.md has the same table."""


def names_of(house: House) -> Mapping[str, Any]:
    """Give what can be named, as `NAMES` says."""
    return {
        "house": house,
        "configuration": house.configuration,
        "ways": house.ways,
        "sessions": list(house.sessions.everyone()),
        "shield": house.shield,
        "recipients": house.recipients,
        "spool": house.spool,
        "journal": house.journal,
        "reactor": house.reactor,
        "explain": lambda address: pictures_sources.source(house, client_of(address)),
        "run": ensureDeferred,
        "names": _Names(),
    }


class _Names:
    """Shows the table, called or not."""

    def __call__(self) -> _Names:
        return self

    def __repr__(self) -> str:
        return "\n".join(f"{name:<14} {words}" for name, words in NAMES.items())


def banner_of(house: House) -> tuple[str, ...]:
    """Give what is said first."""
    configuration = house.configuration
    worker = f", worker {configuration.worker} of {configuration.workers}" if configuration.worker else ""
    return (
        f"This is the inside of {configuration.node.hostname}{worker}, running.",
        "While a line runs, all mail of this process stands still, and nothing can interrupt it: no loops, no waiting,",
        "no blocking calls. Whatever is changed holds at once and may lose mail; a reload or restart does not undo it",
        "on the disk. Every line is written to the journal with your name.",
        "names() says what there is; exit() or ^D leaves.",
    )


class ManholeDoor:
    """The manhole of one process, if it has one."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.entrance: Entrance | None = None

    def start(self) -> None:
        """Open it, if it is configured."""
        manhole = self._house.configuration.manhole
        if manhole.listen is None or manhole.keys is None:
            return
        from shieldrelay.manhole.hostkey import HostKeyFault

        try:
            self.entrance = self._made(Path(manhole.keys))
            self.entrance.start()
        except (HostKeyFault, OSError, CannotListenError) as fault:
            self.entrance = None
            self._house.journal.event("alarm", alarm="manhole", reason=str(fault))

    async def stop(self) -> None:
        """Close it."""
        entrance, self.entrance = self.entrance, None
        if entrance is not None:
            await entrance.stop()

    def _made(self, keys: Path) -> Entrance:
        from shieldrelay.manhole.entrance import Entrance
        from shieldrelay.manhole.hostkey import host_key
        from shieldrelay.manhole.prompt import Inside

        house = self._house
        inside = Inside(
            house.reactor, house.journal, banner_of(house), lambda: names_of(house), house.configuration.manhole.idle
        )
        key = host_key(Path(house.configuration.node.state) / DIRECTORY)
        return Entrance(self._where(), keys, key, inside)

    def _where(self) -> tuple[str, int] | str:
        """Give where this process of the node listens."""
        configuration = self._house.configuration
        listen, later = configuration.manhole.listen, max(configuration.worker - 1, 0)
        assert listen is not None
        if isinstance(listen, str):
            return f"{listen}.{later + 1}" if later else listen
        return listen.host, listen.port + later if listen.port else 0
