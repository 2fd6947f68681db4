"""What the child says: lines of JSON on its standard output, and the values that they become.

Zero or more lines of progress, then one line that is the result. Whatever else comes is `FaultKind.BUG`: the child read
what strangers wrote, so nothing that it says is trusted further than its form.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

import attrs
from attrs import frozen

from shieldrelay.importer.fault import FaultKind, ImportFault
from shieldrelay.recipients.builder import BuiltVersion, from_document

LINE_OCTETS = 32768
"""The longest line of the child."""

FAULTS_TOLD = 20
"""Values left out that are told one by one."""


class Stage(Enum):
    """How far an import is."""

    QUEUED = "queued"
    FETCHING = "fetching"
    BUILDING = "building"


@frozen
class Progress:
    """How far an import is.

    :ivar done: entries or lines so far in this stage.
    """

    stage: Stage
    done: int = 0


@frozen(kw_only=True)
class Fetched:
    """All entries are there.

    :ivar path: the file with the entries in the line form, which whoever takes the result removes; ``None`` when a
        version was built of it.
    :ivar built: the version, to be adopted or discarded; ``None`` when only fetching was asked.
    :ivar entries: lines that were fetched.
    :ivar digest: tells these entries from others.
    :ivar validator: for the next request: what tells cheaply whether the source has changed.
    :ivar elsewhere: addresses of other domains, left out.
    :ivar others: values of other kinds (``x500:``, ``sip:``), left out.
    :ivar fault_count: values that are no addresses, left out.
    :ivar faults: the first of them, each with its place.
    :ivar seconds: that it took.
    """

    path: str | None
    built: BuiltVersion | None = None
    entries: int
    digest: str
    validator: str | None = None
    elsewhere: int = 0
    others: int = 0
    fault_count: int = 0
    faults: tuple[str, ...] = ()
    seconds: float = 0.0


@frozen(kw_only=True)
class Unchanged:
    """The source has what is known already: freshness is confirmed, nothing is to be adopted."""

    validator: str | None = None
    seconds: float = 0.0


@frozen(kw_only=True)
class Failed:
    """There is no list; what is in force stays."""

    kind: FaultKind
    words: str
    seconds: float = 0.0


ImportResult = Fetched | Unchanged | Failed

Answer = Progress | ImportResult


def encode(answer: Answer) -> bytes:
    """Write one line."""
    match answer:
        case Progress(stage=stage, done=done):
            document: dict[str, Any] = {"progress": done, "stage": stage.value}
        case Fetched():
            built = None if answer.built is None else answer.built.document()
            document = {"fetched": {**attrs.asdict(attrs.evolve(answer, built=None)), "built": built}}
        case Unchanged():
            document = {"unchanged": attrs.asdict(answer)}
        case Failed(kind=kind, words=words, seconds=seconds):
            document = {"failed": {"kind": kind.value, "words": words, "seconds": seconds}}
    return json.dumps(document).encode("ascii") + b"\n"


def decode(line: bytes) -> Answer:
    """Read one line.

    :raises ImportFault: it is none of these.
    """
    try:
        document = json.loads(line)
        if "stage" in document:
            return Progress(Stage(document["stage"]), int(document["progress"]))
        ((name, fields),) = document.items()
        return _result(name, fields)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ImportFault(FaultKind.BUG, "the import said something that cannot be read") from None


def _result(name: str, fields: dict[str, Any]) -> ImportResult:
    if name == "fetched":
        faults = tuple(str(each) for each in fields.pop("faults"))[:FAULTS_TOLD]
        built = fields.pop("built")
        return Fetched(**fields, faults=faults, built=None if built is None else from_document(built))
    if name == "unchanged":
        return Unchanged(**fields)
    if name == "failed":
        return Failed(kind=FaultKind(fields.pop("kind")), **fields)
    raise KeyError(name)
