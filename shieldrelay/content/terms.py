"""On which terms a check takes part: its time, its share of the node, and what its failure means. Values only.

Made by the assembly from the configuration, used by `content.stage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from shieldrelay.content.steps import Step

TIME_LIMIT_SECONDS = 30.0
"""What a check may take: well below the ten minutes for which a client waits (RFC 5321 §4.5.3.2.6)."""
CHECKS_AT_ONCE = 20
"""Messages that one check has in hand at once; others wait for their turn, on their own time."""


class Failing(Enum):
    """What becomes of a message whose check failed: an error, a timeout, no turn in time."""

    ACCEPT = "accept"
    """It goes on as if the check were not there."""
    TEMPFAIL = "tempfail"
    """The client hears 451 and comes again."""


class Force(Enum):
    """Whether a check's refusals and fields count."""

    ENFORCE = "enforce"
    OBSERVE = "observe"
    """They are journalled only."""


@frozen
class CheckTerms:
    """The terms of one check.

    :ivar seconds: until it counts as failed, the wait for its turn included; above 0.
    :ivar at_once: messages that it has in hand at once, at least 1.
    """

    seconds: float = field(default=TIME_LIMIT_SECONDS)
    failing: Failing = Failing.TEMPFAIL
    at_once: int = field(default=CHECKS_AT_ONCE)
    force: Force = Force.ENFORCE

    @seconds.validator
    def _some_time(self, _attribute: object, seconds: float) -> None:
        if seconds <= 0:
            raise ValueError("a check needs time")

    @at_once.validator
    def _some_place(self, _attribute: object, at_once: int) -> None:
        if at_once < 1:
            raise ValueError("a check needs at least one message at once")


@frozen
class Configured:
    """A check that the configuration names.

    :ivar name: of the plugin's file, without ``.py``.
    :ivar settings: what the plugin's factory is given.
    :ivar left_to_plugin: names of those of the terms that are as the plugin itself declares them.
    """

    name: str
    terms: CheckTerms = field(factory=CheckTerms)
    settings: Mapping[str, object] = field(factory=lambda: MappingProxyType({}))
    left_to_plugin: frozenset[str] = frozenset()


@frozen
class Installed:
    """A check that was loaded.

    :ivar check: has a method for each of the steps, named as their values say.
    """

    name: str
    check: Any
    terms: CheckTerms = field(factory=CheckTerms)
    steps: frozenset[Step] = frozenset((Step.CONTENT,))
