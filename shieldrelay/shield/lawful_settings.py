"""What `shield.lawful` works with; the defaults are those of ``config.lawful``."""

from __future__ import annotations

from attrs import frozen

from shieldrelay.shield.mode import Mode


@frozen
class Weights:
    """What weak evidence weighs, in points of a source's score; 0 for nothing."""

    no_reverse: float = 1.0
    unconfirmed: float = 0.5
    generic: float = 1.0
    spf_fail: float = 2.0
    spf_softfail: float = 0.5
    unlawful: float = 2.0


@frozen
class LawfulSettings:
    """How senders and clients are judged.

    :ivar mode: of the whole defence; each check is no stricter than this.
    :ivar unreachable: senders to whose domain no mail can be sent.
    :ivar impostor: protected domains as senders from outside, unless SPF passes.
    :ivar bogon_client: clients whose address is none of the internet's.
    """

    mode: Mode = Mode.ENFORCE
    unreachable: Mode = Mode.ENFORCE
    impostor: Mode = Mode.OBSERVE
    bogon_client: Mode = Mode.OFF
    weights: Weights = Weights()

    def holds(self, check: Mode) -> Mode:
        """Give the mode of a check under that of the whole."""
        if Mode.OFF in (self.mode, check):
            return Mode.OFF
        return Mode.OBSERVE if Mode.OBSERVE in (self.mode, check) else Mode.ENFORCE
