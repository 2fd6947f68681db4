"""Settings of the reputation: what weighs how much, and from which score on what holds. Values only.

`assembly` builds them from the configuration; what cannot be is refused with ValueError. Used by `shield.reputation`.
"""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen
from attrs.validators import ge

_NOT_BELOW_0 = ge(0.0)


@frozen
class Weights:
    """How much one event weighs; a message that a next hop took weighs 1 for its source.

    :ivar refused: a recipient or message that a next hop refused for good by policy (5.7.x).
    :ivar unknown: a recipient that does not exist.
    :ivar content: a message that a check of the content refused.
    :ivar spam: a report that a message was spam.
    :ivar ham: a report that it was none; this one counts *for* the source.
    """

    refused: float = field(default=2.0, validator=_NOT_BELOW_0)
    unknown: float = field(default=1.0, validator=_NOT_BELOW_0)
    content: float = field(default=3.0, validator=_NOT_BELOW_0)
    spam: float = field(default=5.0, validator=_NOT_BELOW_0)
    ham: float = field(default=5.0, validator=_NOT_BELOW_0)


@frozen
class ReputationSettings:
    """All of them.

    :ivar throttle: score from 0 to 100 from which on a source is throttled.
    :ivar tempfail: from which on nearly all of its mail is asked to come again later.
    :ivar reject: from which on its connections are refused, if there is a second signal; always for now (R17).
    :ivar connections: with fewer than so many connections *and* fewer than ``messages`` a score has no effect.
    :ivar messages: that came to an end of any kind.
    :ivar doubt: what a score is damped by, in messages: nobody is judged by the first few.
    :ivar signal: what one kind of evidence must weigh to be a signal.
    :ivar listed: the score of a source whose lists and feeds weigh just ``threshold``; more weigh more.
    :ivar threshold: weight of lists and feeds below which they say nothing: more than one list of weight 1.
    :ivar throttled_messages: an hour, of a throttled source.
    :ivar throttle_pause: seconds by which answers to its MAIL are held back.
    :ivar tempfail_messages: an hour, of a source that came later, as it was asked to: how it can mend its name.
    :ivar bad_neighbours: sources of a network with a bad name of their own that make strangers of it throttled.
    :ivar learning_days: and
    :ivar learning_messages: before both have passed nothing is refused, only told (R27).
    """

    throttle: float = 15.0
    tempfail: float = 55.0
    reject: float = field(default=80.0)
    connections: int = field(default=5, validator=ge(0))
    messages: int = field(default=10, validator=ge(0))
    doubt: float = field(default=5.0, validator=_NOT_BELOW_0)
    signal: float = field(default=2.0, validator=_NOT_BELOW_0)
    listed: float = field(default=60.0, validator=_NOT_BELOW_0)
    threshold: int = field(default=2, validator=ge(1))
    throttled_messages: int = field(default=60, validator=ge(1))
    throttle_pause: float = field(default=5.0, validator=_NOT_BELOW_0)
    tempfail_messages: int = field(default=4, validator=ge(1))
    bad_neighbours: int = field(default=3, validator=ge(1))
    learning_days: float = field(default=7.0, validator=_NOT_BELOW_0)
    learning_messages: int = field(default=5000, validator=ge(0))
    weights: Weights = Weights()

    @reject.validator
    def _in_order(self, attribute: Attribute[Any], value: float) -> None:
        if not 0.0 < self.throttle <= self.tempfail <= value <= 100.0:
            raise ValueError("throttle, tempfail and reject are scores in this order, above 0 and at most 100")
