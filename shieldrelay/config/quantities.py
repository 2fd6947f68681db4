"""Kinds with units: durations, octets, shares and rates. The unit is always written out.

Knows only strings and numbers. Used like every other kind (see ``config.kinds``).
"""

from __future__ import annotations

import re

from attrs import field, frozen

from shieldrelay.config.kinds import Kind, Unfit, shown, text_of

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
"""Units of time, in seconds."""

OCTETS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
"""Units of volume, in octets."""

PERIODS = {"s": 1.0, "min": 60.0, "h": 3600.0}
"""What a rate may be counted per, in seconds."""

_NUMBER = r"(\d{1,12}(?:\.\d{1,6})?)"
_DURATION = re.compile(_NUMBER + r" ?(ms|s|m|h|d)\Z", re.ASCII)
_VOLUME = re.compile(_NUMBER + r" ?(B|KiB|MiB|GiB|TiB)\Z", re.ASCII)
_SHARE = re.compile(_NUMBER + r" ?%\Z", re.ASCII)
_RATE = re.compile(r"(.+?) ?/ ?(s|min|h)\Z", re.ASCII)


def parse_duration(written: object) -> float:
    """Give the seconds of ``"30s"``, ``"1.5h"``, ``"7d"``.

    :raises Unfit: when the unit is missing or unknown.
    """
    match = _DURATION.match(written) if isinstance(written, str) else None
    if match is None:
        raise Unfit(f"{shown(written)} is not a duration with its unit (ms, s, m, h or d)")
    return float(match[1]) * SECONDS[match[2]]


def parse_octets(written: object) -> int:
    """Give the octets of ``"500B"``, ``"25MiB"``.

    :raises Unfit: when the unit is missing, unknown, or leaves a fraction of an octet.
    """
    match = _VOLUME.match(written) if isinstance(written, str) else None
    if match is None:
        raise Unfit(f"{shown(written)} is not a number of octets with its unit (B, KiB, MiB, GiB or TiB)")
    octets = float(match[1]) * OCTETS[match[2]]
    if octets != int(octets):
        raise Unfit(f"{shown(written)} is no whole number of octets")
    return int(octets)


@frozen
class Duration(Kind[float]):
    """A span of time, in seconds; the bounds are written as in the file and are included."""

    least: str
    most: str

    def parse(self, written: object) -> float:
        """Give seconds."""
        seconds = parse_duration(written)
        if not parse_duration(self.least) <= seconds <= parse_duration(self.most):
            raise Unfit(f"{shown(written)} is out of bounds")
        return seconds

    @property
    def valid(self) -> str:
        """The bounds."""
        return f'a duration from "{self.least}" to "{self.most}"'


@frozen
class Octets(Kind[int]):
    """A volume, in octets; the bounds are written as in the file and are included."""

    least: str
    most: str

    def parse(self, written: object) -> int:
        """Give octets."""
        octets = parse_octets(written)
        if not parse_octets(self.least) <= octets <= parse_octets(self.most):
            raise Unfit(f"{shown(written)} is out of bounds")
        return octets

    @property
    def valid(self) -> str:
        """The bounds."""
        return f'a volume from "{self.least}" to "{self.most}"'


@frozen
class Share(Kind[float]):
    """A part of a whole, written in percent; comes out as a fraction of 1."""

    least: int = 0
    most: int = 100

    def parse(self, written: object) -> float:
        """Give a fraction: ``"20%"`` is 0.2."""
        match = _SHARE.match(written) if isinstance(written, str) else None
        if match is None:
            raise Unfit(f"{shown(written)} is not a percentage")
        percent = float(match[1])
        if not self.least <= percent <= self.most:
            raise Unfit(f"{shown(written)} is out of bounds")
        return percent / 100

    @property
    def valid(self) -> str:
        """The bounds."""
        return f'a percentage from "{self.least}%" to "{self.most}%"'


@frozen
class Rate:
    """So many per period.

    :ivar amount: messages or octets in one period, more than 0.
    :ivar period: seconds.
    """

    amount: float
    period: float = field(default=1.0)

    @property
    def per_second(self) -> float:
        """Messages or octets in one second."""
        return self.amount / self.period


def _split_rate(written: object) -> tuple[str, float]:
    match = _RATE.match(text_of(written))
    if match is None:
        raise Unfit(f"{shown(written)} is not a rate per s, min or h")
    return match[1], PERIODS[match[2]]


@frozen
class MessageRate(Kind[Rate]):
    """Messages per period: ``"600/min"``."""

    def parse(self, written: object) -> Rate:
        """Give a `Rate` in messages."""
        amount, period = _split_rate(written)
        if not re.fullmatch(r"[1-9][0-9]{0,8}", amount):
            raise Unfit(f"{shown(written)} does not begin with a whole number above 0")
        return Rate(float(amount), period)

    @property
    def valid(self) -> str:
        """The form."""
        return 'messages per s, min or h, as in "600/min"'


@frozen
class OctetRate(Kind[Rate]):
    """Octets per period: ``"10MiB/s"``; ``least`` octets a second at least."""

    least: int = 1

    def parse(self, written: object) -> Rate:
        """Give a `Rate` in octets."""
        amount, period = _split_rate(written)
        rate = Rate(float(parse_octets(amount)), period)
        if rate.per_second < self.least:
            raise Unfit(f"{shown(written)} is less than {self.least} B/s")
        return rate

    @property
    def valid(self) -> str:
        """The form."""
        return f'a volume per s, min or h, as in "10MiB/s", at least {self.least} B/s'


def _per(period: str, written: object) -> str:
    """Give what stands before ``/period``; another period is not converted, because a limit's period has a meaning."""
    amount, slash, per = text_of(written).rpartition("/")
    if not slash or per.strip() != period:
        raise Unfit(f"{shown(written)} is not counted per {period}")
    return amount.rstrip()


@frozen
class Tally(Kind[int]):
    """So many in a period that is part of the setting's meaning: ``"30/min"``, ``"100/5min"``."""

    least: int
    most: int
    period: str = "min"

    def parse(self, written: object) -> int:
        """Give the number."""
        amount = _per(self.period, written)
        if not re.fullmatch(r"[0-9]{1,12}", amount, re.ASCII):
            raise Unfit(f"{shown(written)} does not begin with a whole number")
        if not self.least <= int(amount) <= self.most:
            raise Unfit(f"{shown(written)} is out of bounds")
        return int(amount)

    @property
    def valid(self) -> str:
        """The bounds."""
        return f'"{self.least}/{self.period}" to "{self.most}/{self.period}"'


@frozen
class OctetTally(Kind[int]):
    """A volume in a period that is part of the setting's meaning: ``"200MiB/min"``."""

    least: str
    most: str
    period: str = "min"

    def parse(self, written: object) -> int:
        """Give the octets."""
        octets = parse_octets(_per(self.period, written))
        if not parse_octets(self.least) <= octets <= parse_octets(self.most):
            raise Unfit(f"{shown(written)} is out of bounds")
        return octets

    @property
    def valid(self) -> str:
        """The bounds."""
        return f'"{self.least}/{self.period}" to "{self.most}/{self.period}"'
