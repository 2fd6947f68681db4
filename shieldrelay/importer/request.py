"""`ImportRequest`: what the child is asked, as one JSON document on its standard input.

The two sides are one version of one package, so the document has no version. Secrets are not in it: the child reads
their files. Malformed: `FaultKind.REQUEST`.
"""

from __future__ import annotations

import hashlib
import json
from enum import Enum
from typing import Any

import attrs
from attrs import frozen

from shieldrelay.importer.fault import FaultKind, ImportFault
from shieldrelay.importer.settings import (
    CsvSettings,
    Form,
    HttpsSettings,
    LdapSettings,
    Limits,
    Preset,
    SourceKind,
    SourceSettings,
)
from shieldrelay.importer.stamp import stamp
from shieldrelay.recipients.settings import ListSettings, from_document

REQUEST_OCTETS = 65536
"""The longest request."""


@frozen(kw_only=True)
class ImportRequest:
    """One import.

    :ivar domain: the protected domain.
    :ivar names: it and its aliases, as ``Mailbox.domain_key`` spells them; addresses elsewhere are left out.
    :ivar source: where from.
    :ivar known_digest: of the entries that are in force; the same entries again are `Unchanged`.
    :ivar validator: what the last import gave as its own; ``None``: fetch in any case.
    :ivar listing: how to build a version of the list; ``None``: the entries are only fetched.
    :ivar state: the node's state directory, for building.
    :ivar note: of whoever wants it, for the version's record.
    """

    domain: str
    names: tuple[str, ...]
    source: SourceSettings
    known_digest: str | None = None
    validator: str | None = None
    listing: ListSettings | None = None
    state: str = ""
    note: str = ""

    def marks(self) -> tuple[str, ...]:
        """Give what tells whether a version would come out otherwise although the source is as it was.

        How the source is read, and the stamps of the files beside it: looks at the disk, cheaply.
        """
        listing, source = self.listing, self.source
        sensitive = listing is not None and listing.case_sensitive
        read = (source.kind, source.location, source.csv, source.ldap, source.https, self.names, sensitive)
        files = () if listing is None else (listing.former_file, listing.traps_file)
        digest = hashlib.sha256(repr(read).encode("utf-8")).hexdigest()[:16]
        return (digest, *(stamp(file) for file in files if file is not None))


def encode(request: ImportRequest, path: str) -> bytes:
    """Write a request.

    :param path: of the file that the child is to write its entries to.
    """
    document = attrs.asdict(request, value_serializer=lambda _instance, _attribute, value: _plain(value))
    listing = None if request.listing is None else request.listing.document()
    return json.dumps({**document, "listing": listing, "path": path}).encode("ascii") + b"\n"


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def decode(octets: bytes) -> tuple[ImportRequest, str]:
    """Read a request and the path.

    :raises ImportFault: it is not one.
    """
    try:
        document = json.loads(octets)
        path = str(document.pop("path"))
        source = document.pop("source")
        listing = document.pop("listing")
        document["names"] = tuple(document["names"])
        document["listing"] = None if listing is None else from_document(listing)
        return ImportRequest(**document, source=_source(source)), path
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ImportFault(FaultKind.REQUEST, f"the request cannot be read: {error}") from None


def _source(document: dict[str, Any]) -> SourceSettings:
    ldap, https = document["ldap"], document["https"]
    ldap.update(preset=Preset(ldap["preset"]), attributes=tuple(ldap["attributes"]))
    https.update(form=Form(https["form"]))
    return SourceSettings(
        kind=SourceKind(document["kind"]),
        location=document["location"],
        csv=CsvSettings(**document["csv"]),
        ldap=LdapSettings(**ldap),
        https=HttpsSettings(**https),
        limits=Limits(**document["limits"]),
    )
