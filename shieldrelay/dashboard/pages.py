"""`StaticPages`: the files of the dashboard, read once, by the path under which browsers ask for them.

Knows a fixed set of files and nothing else: what was not there when it was made does not exist, so no path can lead out
of it. A package without its files cannot be made to serve them and says so at the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

from attrs import frozen

DIRECTORY = "static"
INDEX = "index.html"
KINDS: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "": "text/plain; charset=utf-8",
}
"""Media types by suffix; a file of another suffix is not served."""


@frozen
class Page:
    """One file.

    :ivar kind: its media type.
    """

    octets: bytes
    kind: str


class StaticPages:
    """All of them.

    :raises FileNotFoundError: they are not installed.
    """

    def __init__(self) -> None:
        directory = files(__package__) / DIRECTORY
        self._pages = dict(_found(directory, "/"))
        index = self._pages.get(f"/{INDEX}")
        if index is None:
            raise FileNotFoundError(f"{directory}/{INDEX}")
        self._pages["/"] = index

    @property
    def paths(self) -> tuple[str, ...]:
        """Where something stands."""
        return tuple(self._pages)

    def page(self, path: bytes) -> Page | None:
        """Give what stands at a path; ``None``: nothing."""
        return self._pages.get(path.decode("latin-1"))


def _found(directory: Traversable, at: str) -> Iterator[tuple[str, Page]]:
    for each in directory.iterdir():
        suffix = each.name.rpartition(".")[2] if "." in each.name else ""
        if each.is_dir():
            yield from _found(each, f"{at}{each.name}/")
        elif suffix in KINDS:
            yield at + each.name, Page(each.read_bytes(), KINDS[suffix])
