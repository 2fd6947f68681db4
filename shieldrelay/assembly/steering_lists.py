"""What an operator may do with lists of recipients: the control API's `admin.api_lists.Recipients`, bound to the house.

What touches the disk runs in the lists' own threads. Each change is told to the journal with who wanted it. Pictures
are `assembly.pictures_lists`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from attrs import frozen

from shieldrelay.admin.api_lists import PushChange
from shieldrelay.admin.picture_lists import CheckPicture, ImportPicture, ListPicture, OutcomePicture
from shieldrelay.assembly import list_terms
from shieldrelay.assembly import pictures_lists as pictures
from shieldrelay.assembly.house import House
from shieldrelay.mail.address import Mailbox
from shieldrelay.recipients.builder import BuiltVersion, Lines, build
from shieldrelay.recipients.fault import BuildFailed
from shieldrelay.recipients.guards import Override
from shieldrelay.recipients.outcome import Malformed, NotThere, Outcome
from shieldrelay.recipients.settings import ListKind, ListSettings
from shieldrelay.recipients.standing import Standing
from shieldrelay.recipients.version import Origin, Version, Who

_CHANGED = ("adopted", "pushed")


class ListSteering:
    """Steers the lists of one node; see `admin.api_lists.Recipients` for what each method owes."""

    def __init__(self, house: House) -> None:
        self._house = house

    def domains(self) -> tuple[str, ...]:
        """Give the protected domains."""
        return self._house.recipients.lists.domains()

    async def picture(self, domain: str) -> ListPicture:
        """Show a domain's list."""
        now = self._house.wall()
        shown, versions = await self._house.recipients.change(self._read, domain, now)
        return pictures.listing(self._house, shown, versions, now)

    async def check(self, mailbox: Mailbox) -> CheckPicture:
        """Say how an address stands."""
        return pictures.check(self._house, mailbox)

    async def start_import(self, domain: str, *, force: bool, by: str) -> ImportPicture:
        """Read the list from its source again."""
        if self._settings(domain).kind is ListKind.FILE:
            lists, now = self._house.recipients.lists, self._house.wall()
            importing = self._chosen if force else self._changed
            outcome = await importing(domain, by, lists.import_file, domain, now, _override(force=force))
            return ImportPicture(domain, False, outcome=outcome, ended=now)
        if self._house.recipients.refresher.refresh(domain, _override(force=force)) is None:
            words = f"its recipients are {self._source(domain)!r}: there is no source to import from"
            return ImportPicture(domain, False, outcome=OutcomePicture("absent", words))
        return pictures.importing(self._house, domain, self._house.wall())

    async def importing(self, domain: str) -> ImportPicture:
        """Say how far an import is."""
        return pictures.importing(self._house, domain, self._house.wall())

    async def push(self, domain: str, change: PushChange, lines: bytes, *, force: bool, by: str) -> OutcomePicture:
        """Add, remove or replace recipients."""
        lists, now, override = self._house.recipients.lists, self._house.wall(), _override(force=force)
        settings = self._settings(domain)
        note = f"pushed by {by}"
        if change is PushChange.REPLACE:
            return await self._shared(domain, by, self._replace, settings, lines, now, note, override)
        edit = Edit.of(change, lines)
        if edit.wrong:
            return OutcomePicture("malformed", edit.wrong)
        return await self._shared(
            domain, by, lists.push, domain, edit.add, edit.remove, now, note=note, override=override
        )

    async def rollback(self, domain: str, version: int | None, by: str) -> OutcomePicture:
        """Go back to an earlier version."""
        return await self._shared(domain, by, self._rollback, domain, version, self._house.wall())

    async def accept(self, domain: str, by: str) -> OutcomePicture:
        """Adopt the version that a guard refused last."""
        lists = self._house.recipients.lists
        return await self._chosen(domain, by, lists.accept_refused, domain, self._house.wall())

    async def enforce(self, domain: str, by: str) -> ListPicture:
        """Refuse who is not listed."""
        return await self._observe(domain, None, by)

    async def observe(self, domain: str, seconds: float, by: str) -> ListPicture:
        """Take who is not listed."""
        return await self._observe(domain, self._house.wall() + seconds, by)

    async def _observe(self, domain: str, until: float | None, by: str) -> ListPicture:
        lists = self._house.recipients.lists
        if self._settings(domain).kind is not ListKind.ANY:
            before = lists.enforced(domain)
            await self._house.recipients.change(lists.observe, domain, until, self._house.wall())
            if lists.enforced(domain) is not before:
                state = "observed" if before else "enforced"
                self._house.journal.event("list_enforced", domain=domain, state=state, by=by)
            if self._house.peers is not None:
                await self._house.peers.lists.announce(domain, by)
        return await self.picture(domain)

    async def _changed(
        self, domain: str, by: str, call: Callable[..., Any], *args: object, **kw: object
    ) -> OutcomePicture:
        """Run what changes a list; gives what came of it, as it is shown."""
        recipients = self._house.recipients
        try:
            outcome = await recipients.change(call, *args, **kw)
        except BuildFailed as failed:
            return OutcomePicture("failed", str(failed))
        if isinstance(outcome, OutcomePicture):
            return outcome
        recipients.tell(outcome, by)
        return pictures.changed(outcome, await recipients.change(self._in_force, domain))

    async def _shared(
        self, domain: str, by: str, call: Callable[..., Any], *args: object, **kw: object
    ) -> OutcomePicture:
        """Change a list on all nodes: here, and then the others are told."""
        done = await self._changed(domain, by, call, *args, **kw)
        if self._house.peers is not None and done.result in _CHANGED:
            await self._house.peers.lists.announce(domain, by)
        return done

    async def _chosen(self, domain: str, by: str, call: Callable[..., Any], *args: object) -> OutcomePicture:
        """Likewise, with a version that a guard would refuse elsewhere too."""
        done = await self._changed(domain, by, call, *args)
        if self._house.peers is not None and done.result in _CHANGED:
            await self._house.peers.lists.announce(domain, by, chosen=True)
        return done

    def _settings(self, domain: str) -> ListSettings:
        return list_terms.list_settings(self._house.configuration, pictures.configured(self._house, domain))

    def _source(self, domain: str) -> str:
        return str(pictures.configured(self._house, domain).recipients)

    # in a thread

    def _read(self, domain: str, now: float) -> tuple[Any, tuple[Version, ...]]:
        lists = self._house.recipients.lists
        return lists.picture(domain, now), lists.versions(domain)

    def _in_force(self, domain: str) -> Version | None:
        shown: Version | None = self._read(domain, self._house.wall())[0].version
        return shown

    def _rollback(self, domain: str, number: int | None, now: float) -> Outcome | OutcomePicture:
        """Go back, unless that is done already: a second one would return to what was left, or crowd out others."""
        shown, versions = self._read(domain, now)
        here: Version | None = shown.version
        if here is not None and number is None and here.origin.who is Who.ROLLBACK:
            words = f"version {here.number} came of a rollback already; name the version to go back further"
            return OutcomePicture("unchanged", words, here.number, here.listed)
        if here is not None and any(each.number == number and each.digest == here.digest for each in versions):
            words = f"version {here.number} in force has the same recipients"
            return OutcomePicture("unchanged", words, here.number, here.listed)
        if number is not None and all(each.number != number for each in versions):
            kept = ", ".join(str(each.number) for each in versions) or "none"
            return NotThere(domain, f"version {number} is not kept (there are: {kept})")
        return self._house.recipients.lists.rollback(domain, number, now)

    def _replace(self, settings: ListSettings, lines: bytes, now: float, note: str, override: Override) -> Outcome:
        """Make lines the whole list; one that is wrong refuses all, unless forced."""
        lists = self._house.recipients.lists
        if settings.kind is ListKind.ANY:
            return NotThere(settings.domain, "it has no list")
        built = self._built(settings, lines, now, note)
        if built.faults and override is Override.NOTHING:
            built.discard()
            return Malformed(settings.domain, built.faults)
        return lists.adopt(settings.domain, built, now, override)

    def _built(self, settings: ListSettings, lines: bytes, now: float, note: str) -> BuiltVersion:
        """Build a version of what was pushed and of the files beside it."""
        current = self._house.recipients.lists.current(settings.domain).without_overlay()
        beside = ((settings.former_file, Standing.FORMER), (settings.traps_file, Standing.TRAP))
        origin = Origin(source="pushed", who=Who.PUSH, note=note)
        state = list_terms.state_directory(self._house.configuration)
        with ExitStack() as files:
            further = [
                Lines(name, files.enter_context(Path(name).open("rb")), standing)
                for name, standing in beside
                if name is not None
            ]
            return build(
                settings,
                lines.splitlines(),
                state,
                _ignore,
                origin=origin,
                made_at=now,
                further=further,
                current=current,
            )


@frozen
class Edit:
    """Single recipients to add and to remove.

    :ivar wrong: why the lines say neither; then nothing is to be done.
    """

    add: tuple[bytes, ...] = ()
    remove: tuple[bytes, ...] = ()
    wrong: str = ""

    @staticmethod
    def of(change: PushChange, octets: bytes) -> Edit:
        """Read a push; of an EDIT each line begins with ``+`` or ``-``."""
        lines = tuple(octets.splitlines())
        if change is PushChange.ADD:
            return Edit(add=lines)
        if change is PushChange.REMOVE:
            return Edit(remove=lines)
        for number, line in enumerate(lines, 1):
            if line[:1] not in (b"+", b"-"):
                return Edit(wrong=f"line {number} of an edit begins with neither + nor -; nothing was changed")
        add = tuple(line[1:] for line in lines if line[:1] == b"+")
        return Edit(add, tuple(line[1:] for line in lines if line[:1] == b"-"))


def _override(*, force: bool) -> Override:
    return Override.ALL if force else Override.NOTHING


def _ignore(_lines: int) -> None:
    """Tell nobody of progress."""
