"""What came of an attempt to change a list. Values; made by `DomainList`, told by whoever asked."""

from __future__ import annotations

from attrs import frozen

from shieldrelay.recipients.fault import ListingFault
from shieldrelay.recipients.guards import Objection
from shieldrelay.recipients.version import Version


@frozen
class Adopted:
    """A new version is in force.

    :ivar faults: lines left out.
    """

    domain: str
    version: Version
    faults: tuple[ListingFault, ...] = ()


@frozen
class Confirmed:
    """What was built is what is in force already; its freshness is renewed."""

    domain: str
    version: Version


@frozen
class Refused:
    """A guard objects; what was in force is in force.

    :ivar version: what was refused; it is kept, for `Lists.accept_refused`. ``None`` for a push.
    """

    domain: str
    objection: Objection
    version: Version | None = None
    faults: tuple[ListingFault, ...] = ()


@frozen
class Malformed:
    """Lines of a push are no recipients; nothing of it is in force."""

    domain: str
    faults: tuple[ListingFault, ...]


@frozen
class Pushed:
    """A push is in force.

    :ivar changes: names whose standing it sets.
    :ivar waiting: names in the overlay, to be folded into the next version.
    """

    domain: str
    changes: int
    waiting: int


@frozen
class NotThere:
    """There is no such domain, or no such version that is whole."""

    domain: str
    words: str


Outcome = Adopted | Confirmed | Refused | Malformed | Pushed | NotThere
