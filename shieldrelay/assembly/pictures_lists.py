"""Pictures of lists of recipients. Changes nothing. Used by `assembly.steering_lists` and `assembly.pictures`."""

from __future__ import annotations

from collections.abc import Sequence

from shieldrelay.admin.picture_lists import (
    CheckPicture,
    ContradictionPicture,
    ImportPicture,
    ListPicture,
    OutcomePicture,
    VersionPicture,
)
from shieldrelay.assembly import list_terms
from shieldrelay.assembly.house import House
from shieldrelay.config.domain import Domain
from shieldrelay.importer.answer import Failed, Fetched, Progress, Stage, Unchanged
from shieldrelay.importer.refresher import Adoption
from shieldrelay.importer.refresher import Outcome as Imported
from shieldrelay.mail.address import Mailbox
from shieldrelay.recipients import picture as recipients
from shieldrelay.recipients.contradictions import Contradiction
from shieldrelay.recipients.freshness import Freshness
from shieldrelay.recipients.guards import objection
from shieldrelay.recipients.outcome import Adopted, Confirmed, Malformed, NotThere, Outcome, Pushed, Refused
from shieldrelay.recipients.settings import ListKind
from shieldrelay.recipients.standing import Standing
from shieldrelay.recipients.version import Version, Who

DAY_SECONDS = 86400.0


def listing(house: House, shown: recipients.ListPicture, versions: Sequence[Version], now: float) -> ListPicture:
    """Show a domain's list."""
    lists, version = house.recipients.lists, shown.version
    fetched = shown.kind is ListKind.FETCHED
    return ListPicture(
        domain=shown.domain,
        kind=shown.kind.value,
        source=str(configured(house, shown.domain).recipients),
        state=_state(shown),
        entries=None if version is None else version.listed,
        observing_until=shown.observing_until,
        freshness=shown.freshness.value if version is not None else "",
        confirmed=shown.confirmed_at,
        waiting=shown.waiting,
        trouble=shown.trouble or "",
        refused=None if shown.refused is None else _version(shown.refused, shown, in_force=False),
        refused_why=_objection(house, shown),
        versions=tuple(_version(each, shown, in_force=each == version) for each in versions),
        contradictions=tuple(map(_contradiction, lists.contradictions(shown.domain))),
        importing=importing(house, shown.domain, now) if fetched else None,
    )


def _state(shown: recipients.ListPicture) -> str:
    if shown.kind is ListKind.ANY:
        return "any"
    if shown.version is None:
        return "missing"
    return "enforced" if shown.enforced else "observed"


def _version(version: Version, shown: recipients.ListPicture, *, in_force: bool) -> VersionPicture:
    origin = version.origin
    by_file = shown.kind is ListKind.FILE and origin.who is Who.IMPORT
    return VersionPicture(
        number=version.number,
        made=version.made_at,
        entries=version.listed,
        source=origin.source,
        who="file" if by_file else origin.who.value,
        note=origin.note,
        digest=version.digest,
        in_force=in_force,
    )


def _objection(house: House, shown: recipients.ListPicture) -> str:
    """Say why a version was refused, as far as that follows from it and what is in force."""
    if shown.refused is None:
        return ""
    settings = list_terms.list_settings(house.configuration, configured(house, shown.domain))
    found = objection(settings, shown.refused, shown.version, shown.refused.lost, (shown.refused.digest,))
    return "" if found is None else str(found)


def _contradiction(one: Contradiction) -> ContradictionPicture:
    return ContradictionPicture(str(one.mailbox), one.sort.value, one.reply, one.last, one.times)


def importing(house: House, domain: str, now: float) -> ImportPicture:
    """Show the import of a list that is fetched."""
    refresher = house.recipients.refresher
    ended = refresher.ended(domain)
    at = None if ended is None else now - (house.reactor.seconds() - ended.at)
    outcome = None if ended is None else imported(house, domain, ended.outcome)
    if refresher.runs(domain):
        progress = house.recipients.importer.progress(domain) or Progress(Stage.BUILDING)
        return ImportPicture(domain, True, progress.stage.value, progress.done, outcome, at)
    due = refresher.next_in(domain)
    return ImportPicture(domain, False, outcome=outcome, ended=at, next=None if due is None else now + due)


def imported(house: House, domain: str, outcome: Imported) -> OutcomePicture:
    """Show what came of an import."""
    match outcome:
        case Failed(words=words):
            return OutcomePicture("failed", words)
        case Adoption(version=version, listed=listed, refused="", faults=faults) if version:
            return OutcomePicture("adopted", version=version, entries=listed, faults=faults)
        case Adoption(refused=words, faults=faults):
            return OutcomePicture("refused", words, faults=faults)
        case Unchanged() | Fetched():
            return OutcomePicture("unchanged", "the source has what is in force")
    raise TypeError(f"an import cannot come to {outcome}")


def changed(outcome: Outcome, version: Version | None) -> OutcomePicture:
    """Show what came of a change.

    :param version: in force now.
    """
    number, listed = (None, None) if version is None else (version.number, version.listed)
    match outcome:
        case Adopted(_, placed, faults):
            return OutcomePicture("adopted", "", placed.number, placed.listed, faults=tuple(map(str, faults)))
        case Confirmed(_, same):
            return OutcomePicture("unchanged", "it is what is in force", same.number, same.listed)
        case Pushed(_, changes, _):
            return OutcomePicture("pushed", "", number, listed, changes)
        case Refused(_, objects, _, faults):
            return OutcomePicture("refused", str(objects), number, listed, faults=tuple(map(str, faults)))
        case Malformed(_, faults):
            words = "lines are no recipients; nothing was changed"
            return OutcomePicture("malformed", words, number, listed, faults=tuple(map(str, faults)))
        case NotThere(_, words):
            return OutcomePicture("absent", words, number, listed)


def check(house: House, mailbox: Mailbox) -> CheckPicture:
    """Show how an address stands."""
    lists = house.recipients.lists
    standing = lists.lookup(mailbox)
    said = str(mailbox), mailbox.domain_key, standing.value
    if standing is Standing.NOT_OURS:
        return CheckPicture(*said, taken=False, why="its domain is not protected here")
    domain = house.terms.domain_of(mailbox)
    if standing is not Standing.LISTED:
        taken = not lists.enforced(mailbox.domain_key)
        return CheckPicture(*said, taken=taken, why=_taken_why(house, domain) if taken else "")
    past = house.surroundings.memory.recall(mailbox, house.reactor.seconds())
    if past is None or house.surroundings.suspicious(domain):
        anyone = lists.directory.size(mailbox.domain_key) is None
        return CheckPicture(*said, taken=True, why=_taken_why(house, domain) if anyone else "")
    why = f"its next hop refused it within the hour: {past.code} {'.'.join(map(str, past.status))}"
    return CheckPicture(*said, taken=False, why=why)


def _taken_why(house: House, domain: str) -> str:
    """Say why somebody is taken who is not listed."""
    if configured(house, domain).recipients.anyone:
        return "there is no list: everybody is taken"
    missing = house.recipients.lists.freshness(domain, house.wall())[1] is None
    return "no list has come yet: everybody is taken" if missing else "the list only observes"


def configured(house: House, name: str) -> Domain:
    """Give what the configuration says of a protected domain."""
    return house.configuration.domains_by_name()[name]


def state(house: House, domain: Domain) -> str:
    """Say how a domain's list stands, without touching the disk."""
    lists = house.recipients.lists
    if domain.recipients.anyone:
        return "any"
    if lists.freshness(domain.domain, house.wall())[1] is None:
        return "missing"
    return "enforced" if lists.enforced(domain.domain) else "observed"


def trouble(house: House, domain: Domain, damage: str | None) -> str:
    """Say what somebody should look at; likewise.

    :param damage: what is wrong on disk.
    """
    found = [damage] if damage else []
    if state(house, domain) == "missing":
        found.append("none has come yet, and everybody is taken")
    ended = house.recipients.refresher.ended(domain.domain)
    if ended is not None and isinstance(ended.outcome, Failed):
        found.append(f"the last import failed: {ended.outcome.words}")
    elif ended is not None and isinstance(ended.outcome, Adoption) and ended.outcome.refused:
        found.append(f"a new version was refused: {ended.outcome.refused}")
    level, confirmed = house.recipients.lists.freshness(domain.domain, house.wall())
    if level is not Freshness.FRESH and confirmed is not None:
        days = (house.wall() - confirmed) / DAY_SECONDS
        found.append(f"its source has not confirmed it for {days:.1f} days")
    return "; ".join(found)
