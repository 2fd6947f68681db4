"""`ImportRequest`: what the child is asked, as one JSON document on its standard input.

The two sides are one version of one package, so the document has no version. Secrets are not in it: the child reads
their files. Malformed: `FaultKind.REQUEST`.
"""

from __future__ import annotations

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
    """

    domain: str
    names: tuple[str, ...]
    source: SourceSettings
    known_digest: str | None = None
    validator: str | None = None


def encode(request: ImportRequest, path: str) -> bytes:
    """Write a request.

    :param path: of the file that the child is to write its entries to.
    """
    document = attrs.asdict(request, value_serializer=lambda _instance, _attribute, value: _plain(value))
    return json.dumps({**document, "path": path}).encode("ascii") + b"\n"


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
        document["names"] = tuple(document["names"])
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
