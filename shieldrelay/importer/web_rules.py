"""What is asked of a web server and what its answers may be (RFC 9110): pure rules for `web`.

Redirects stay with the scheme, host and port that the operator wrote, since the credentials go with them. The media
type must fit the declared form: a login page that says 200 is not a list.
"""

from __future__ import annotations

import base64
import json
from urllib.parse import urljoin, urlsplit

from attrs import frozen

from shieldrelay.importer.fault import FaultKind, ImportFault, shown
from shieldrelay.importer.settings import Form

REDIRECTS_MOST = 5

_ANY_TEXT = ("text/plain", "application/octet-stream")
_MEDIA_TYPES = {
    Form.PLAIN: _ANY_TEXT,
    Form.CSV: ("text/csv", "application/csv", *_ANY_TEXT),
    Form.LDIF: ("text/directory", "application/directory", "text/ldif", "application/ldif", *_ANY_TEXT),
    Form.JSON_LINES: (
        "application/x-ndjson", "application/jsonl", "application/json-lines", "application/x-jsonlines",
        "application/json", *_ANY_TEXT,
    ),
}  # fmt: skip
_CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii")

_STATUS_WORDS = {
    401: (FaultKind.DENIED, "it wants other credentials"),
    403: (FaultKind.DENIED, "it may not be read"),
    407: (FaultKind.DENIED, "a proxy wants credentials"),
    404: (FaultKind.INCOMPLETE, "there is no such document"),
    410: (FaultKind.INCOMPLETE, "the document is gone"),
    206: (FaultKind.INCOMPLETE, "it gives a part only"),
    304: (FaultKind.MALFORMED, "it says not modified, though nothing was compared"),
}


@frozen
class Validator:
    """What a server said of the document's version (RFC 9110 §8.8)."""

    url: str
    etag: str | None
    modified: str | None

    def __str__(self) -> str:
        return json.dumps([self.url, self.etag, self.modified])

    @classmethod
    def parse(cls, text: str | None, url: str) -> Validator:
        """Read what `str` wrote; nothing is known of another URL's, or when it cannot be read."""
        try:
            known, etag, modified = json.loads(text) if text else (None, None, None)
        except (ValueError, TypeError):
            return cls(url, None, None)
        return cls(url, etag, modified) if known == url else cls(url, None, None)

    def headers(self) -> dict[bytes, list[bytes]]:
        """Give the conditions of a request (§13.1)."""
        fields = {b"If-None-Match": self.etag, b"If-Modified-Since": None if self.etag else self.modified}
        return {name: [value.encode("latin-1")] for name, value in fields.items() if value is not None}


def credentials(user: str | None, secret: bytes) -> dict[bytes, list[bytes]]:
    """Give the header field that says who asks: basic with a user (RFC 7617), else bearer (RFC 6750)."""
    if not secret:
        return {}
    if user is None:
        return {b"Authorization": [b"Bearer " + secret]}
    pair = base64.b64encode(user.encode("utf-8") + b":" + secret)
    return {b"Authorization": [b"Basic " + pair]}


def redirected(url: str, location: bytes | None) -> str:
    """Give where a redirect leads.

    :raises ImportFault: elsewhere.
    """
    if location is None:
        raise ImportFault(FaultKind.MALFORMED, "the server redirects to nowhere")
    target = urljoin(url, location.decode("latin-1"))
    try:
        here, there = urlsplit(url), urlsplit(target)
        same = (here.scheme, here.hostname, here.port) == (there.scheme, there.hostname, there.port)
    except ValueError:
        same = False
    if not same or not target.isascii() or not target.isprintable() or "@" in there.netloc:
        raise ImportFault(FaultKind.DENIED, f"the server redirects to {shown(location)}, which is not followed")
    return target


def check_status(code: int) -> None:
    """Refuse whatever is not a whole document.

    :raises ImportFault: it is not 200.
    """
    if code == 200:
        return
    kind, words = _STATUS_WORDS.get(code, (FaultKind.UNREACHABLE, "it cannot give the document"))
    raise ImportFault(kind, f"the server answers {code}: {words}")


def check_media_type(form: Form, content_type: bytes | None) -> None:
    """Refuse a document of another sort than declared; one of no declared sort is taken.

    :raises ImportFault: the media type or its charset does not fit.
    """
    if content_type is None:
        return
    kind, *parameters = content_type.decode("latin-1").lower().split(";")
    if kind.strip() not in _MEDIA_TYPES[form]:
        raise ImportFault(FaultKind.MALFORMED, f"the document is {shown(kind.strip(), 60)}, not {form.value}")
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in _CHARSETS:
            raise ImportFault(FaultKind.MALFORMED, f"the document is in {shown(value.strip(), 40)}; UTF-8 is wanted")
