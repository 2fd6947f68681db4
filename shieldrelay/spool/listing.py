"""A domain's messages by time of arrival, a page at a time: for operators, who look at the queue.

Memory is bounded by the page. Blocks like `spool.survey`; called in threads.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from attrs import frozen

from shieldrelay.spool.entry import Entry
from shieldrelay.spool.faults import unavailable
from shieldrelay.spool.folder import Folder
from shieldrelay.spool.name import parse_name


@frozen
class Listed:
    """One message of a page.

    :ivar held: whether it is on hold.
    """

    entry: Entry
    held: bool


def page(folder: Folder, after: str, limit: int) -> list[Listed]:
    """Give messages in the order of arrival, those on hold included.

    :param after: the name of the last entry of the page before, ``""`` for the first page. Names begin with the time
        of arrival in ten digits, so their order is that of arrival.
    :param limit: how many to give at most.
    :raises SpoolUnavailable: when the directory cannot be read.
    """
    try:
        first = heapq.nsmallest(limit, _all(folder, after))
    except OSError as error:
        raise unavailable(error) from error
    return [
        Listed(Entry(folder.domain, text, id, size, arrived, due), held) for text, held, due, arrived, id, size in first
    ]


def _all(folder: Folder, after: str) -> Iterator[tuple[str, bool, float, int, str, int]]:
    for directory, held in ((folder.new, False), (folder.held, True)):
        for text, size, due, _regular in folder.operations.scan(directory):
            name = parse_name(text)
            if name is not None and text > after:
                yield text, held, due, name.arrived, name.id, size
