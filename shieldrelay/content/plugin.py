"""The plugin interface: what a site's own file defines, and what it is given (`docs/plugins.md`).

A plugin may import from this module all that it needs; what it has is kept stable. Known to plugins and to
`content.loading`, which finds them. A plugin is declared, not registered: nothing happens when its file is executed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import field, frozen
from twisted.plugin import IPlugin
from zope.interface import Attribute, Interface, implementer

from shieldrelay.content.answers import ACCEPT, Accept, Annotate, Answer, HeaderField, Lasting, Refuse
from shieldrelay.content.inspected import Inspected
from shieldrelay.content.search import contains
from shieldrelay.content.steps import Seen, Step
from shieldrelay.content.terms import TIME_LIMIT_SECONDS, Failing

__all__ = [
    "ACCEPT", "Accept", "Annotate", "Answer", "Failing", "HeaderField", "IShieldPlugin", "Inspected", "Lasting",
    "Refuse", "Seen", "ShieldPlugin", "Step", "Surroundings", "contains",
]  # fmt: skip


@frozen
class Surroundings:
    """What a plugin is given beside its settings.

    :ivar reactor: for connections and time; ``None`` when a configuration is only looked through.
    :ivar hostname: the node's.
    """

    reactor: Any = None
    hostname: str = "localhost"


class IShieldPlugin(Interface):
    """A plugin, as it is declared: which stages it sees, its time, and what its failure means."""

    name = Attribute("By which the configuration names it: 1 to 40 characters a-z, 0-9 and _.")
    steps = Attribute("The `Step`s at which it is asked, at least one.")
    time_limit = Attribute("Seconds for one answer, unless the configuration says otherwise.")
    failing = Attribute("`Failing`: what its failure means, unless the configuration says otherwise.")

    def make(settings: Mapping[str, object], surroundings: Surroundings) -> object:  # noqa: N805 - zope's have no self
        """Make what is asked: an object with one method for each stage, called as `Step` says.

        ``connect``, ``helo``, ``mail`` and ``rcpt`` get a `Seen`, ``check`` gets an `Inspected`; each gives an `Answer`
        or a Deferred of one. All are called in the reactor's thread: what takes longer than a millisecond gives a
        Deferred, which is cancelled when its time is over. One object serves all sessions of a process.

        :raises ValueError: what is wrong with the settings, in words for the operator.
        """


def _steps(listed: Iterable[Step]) -> frozenset[Step]:
    steps = frozenset(listed)
    if not steps or not all(isinstance(step, Step) for step in steps):
        raise ValueError("a plugin sees one Step or more")
    return steps


@implementer(IPlugin, IShieldPlugin)
@frozen
class ShieldPlugin:
    """A declared plugin; ``make`` may be the class of what is asked."""

    name: str
    steps: frozenset[Step] = field(converter=_steps)
    make: Callable[[Mapping[str, object], Surroundings], object]
    time_limit: float = TIME_LIMIT_SECONDS
    failing: Failing = Failing.TEMPFAIL
