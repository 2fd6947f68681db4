"""What the API says of things that were done, where it is no picture of something: small values, and their JSON."""

from __future__ import annotations

from attrs import frozen


@frozen
class MessageDone:
    """What has become of a message."""

    id: str
    state: str


@frozen
class FlushDone:
    """How many messages of a domain are due now."""

    domain: str
    due: int


@frozen
class DrillDone:
    """When a drill ends; ``None``: there is none."""

    domain: str
    drill_until: float | None


@frozen
class BelieveDone:
    """Whether refusals were held back, which count from now on."""

    domain: str
    believed: bool


@frozen
class ReloadDone:
    """What a reload has changed, a sentence each."""

    changes: tuple[str, ...]


@frozen
class ReleaseDone:
    """How many sources of a network something was held against."""

    network: str
    released: int


@frozen
class RevokeDone:
    """Whether something was said of exactly this network."""

    network: str
    revoked: bool


@frozen
class ReportDone:
    """What became of a reader's report."""

    domain: str
    opinion: str
    counted: bool
    reception: str
