"""What the node shows of its lists of recipients: values, and at the same time their JSON.

As in ``admin.picture``: moments are wall-clock seconds since the epoch, durations seconds, and strings that came from
strangers are as received. No picture has a secret of a source in it.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class VersionPicture:
    """One version of a list.

    :ivar source: in words, without secrets.
    :ivar who: ``import``, ``push``, ``rollback`` or ``file``.
    :ivar entries: recipients that exist in it.
    """

    number: int
    made: float
    entries: int
    source: str = ""
    who: str = ""
    note: str = ""
    digest: str = ""
    in_force: bool = False


@frozen
class OutcomePicture:
    """What came of an attempt to change a list.

    :ivar result: ``adopted``, ``pushed`` and ``unchanged`` are done; ``refused`` by a guard, ``malformed``, ``failed``
        (it could not be read) and ``absent`` (there is no such thing) changed nothing.
    :ivar words: why, for people.
    :ivar version: in force now.
    :ivar entries: recipients that exist in it.
    :ivar changes: of a push, names whose standing it set.
    :ivar faults: lines left out or refused, with their places; the first of them.
    """

    result: str
    words: str = ""
    version: int | None = None
    entries: int | None = None
    changes: int | None = None
    faults: tuple[str, ...] = ()


@frozen
class ImportPicture:
    """The import of one domain's list.

    :ivar stage: ``queued``, ``fetching``, ``building``; ``""`` while none runs.
    :ivar done: lines or entries of this stage so far.
    :ivar outcome: of the last one that ended, ``None`` while there was none.
    :ivar ended: when that was.
    :ivar next: when the next one is due.
    """

    domain: str
    running: bool
    stage: str = ""
    done: int = 0
    outcome: OutcomePicture | None = None
    ended: float | None = None
    next: float | None = None


@frozen
class ContradictionPicture:
    """A recipient about whom a next hop and the list disagree; nothing was changed for that.

    :ivar sort: ``refused although listed``, or the other way round.
    """

    address: str
    sort: str
    reply: str
    last: float
    times: int = 1


@frozen
class ListPicture:
    """One domain's list.

    :ivar kind: ``any``, ``file``, ``fetched`` or ``push``.
    :ivar state: ``enforced``, ``observed``, ``any``, or ``missing`` (none has come yet: everybody is taken).
    :ivar freshness: ``fresh``, ``stale`` or ``old``.
    :ivar confirmed: when its source last confirmed it.
    :ivar waiting: pushed names that are not in a version yet.
    :ivar trouble: what is wrong on disk.
    :ivar refused: the version that a guard refused last, if it is still there to be accepted.
    :ivar refused_why: the guard's words.
    :ivar versions: that are kept, the newest first.
    """

    domain: str
    kind: str
    source: str
    state: str
    entries: int | None = None
    observing_until: float | None = None
    freshness: str = ""
    confirmed: float | None = None
    waiting: int = 0
    trouble: str = ""
    refused: VersionPicture | None = None
    refused_why: str = ""
    versions: tuple[VersionPicture, ...] = ()
    contradictions: tuple[ContradictionPicture, ...] = ()
    importing: ImportPicture | None = None


@frozen
class CheckPicture:
    """How one address stands.

    :ivar standing: ``listed``, ``unknown``, ``former``, ``trap`` or ``not ours``.
    :ivar taken: whether a lawful client's RCPT for it is taken, all else being well.
    :ivar why: in a clause, when that does not follow from the standing.
    """

    address: str
    domain: str
    standing: str
    taken: bool
    why: str = ""
