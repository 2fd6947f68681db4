"""What senders are told of the nodes' TLS: DANE and MTA-STS, held against what is shown and where MX leads.

Whoever published nothing has nothing to be wrong, and hears nothing. Blocking; raises nothing.
"""

from __future__ import annotations

import http.client
import ssl
from base64 import b64decode
from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatchcase

from shieldrelay.assembly.translation import server_tls
from shieldrelay.check.finding import Finding, Level
from shieldrelay.check.names import Names, NoAnswer
from shieldrelay.check.subject import Subject, is_address
from shieldrelay.config.schema import Configuration
from shieldrelay.wire.certificates import CertificateFault, pin_of, read_certified_key

_PART = "dns"
FETCH_SECONDS = 10.0
POLICY_OCTETS = 65536
"""RFC 8461 §3.2 lets senders stop there."""

Fetch = Callable[[str], str]
"""Gives the policy that a host has; raises OSError or ``http.client.HTTPException``."""


def keys(configuration: Configuration) -> Mapping[str, frozenset[str]]:
    """Give, by name, the digests of the keys that this node shows: SHA-256 in hexadecimal (``3 1 1`` of RFC 6698)."""
    tls = server_tls(configuration)
    shown: dict[str, frozenset[str]] = {}
    for name, files in ((tls.hostname, tls.files), *tls.by_name.items()):
        if files is None:
            continue
        try:
            certified = read_certified_key(files)
        except (CertificateFault, OSError):
            continue  # told where certificates are looked at
        shown[name] = frozenset({b64decode(pin_of(certified.certificate)).hex()})
    return shown


def policies(
    subject: Subject, names: Names, shown: Mapping[str, Collection[str]], fetch: Fetch
) -> Iterator[Finding]:
    """Look at the records of every node, and at the policy of every name of every domain.

    :param shown: as `keys` gives it, for as many nodes as are known.
    """
    looks = [lambda node=node: _dane(node, names, shown) for node in subject.nodes if not is_address(node)]
    looks += [lambda name=name: _sts(name, names, fetch) for domain in subject.domains for name in domain.names]
    for look in looks:
        try:
            yield from look()
        except NoAnswer as fault:
            yield Finding(_PART, Level.UNSURE, "policies", str(fault))


def _dane(node: str, names: Names, shown: Mapping[str, Collection[str]]) -> Iterator[Finding]:
    records = names.ask(f"_25._tcp.{node}", "TLSA")
    ours = [record.split(" ", 3)[3].replace(" ", "") for record in records if record.startswith("3 1 1 ")]
    if not records:
        return
    if node not in shown:
        yield Finding(_PART, Level.NOTE, node, f"it has {len(records)} TLSA records; its key is not known here")
    elif set(ours) & set(shown[node]):
        yield Finding(_PART, Level.GOOD, node, "a TLSA record matches its key")
    elif len(ours) < len(records):
        yield Finding(_PART, Level.UNSURE, node, "only TLSA records of the form 3 1 1 can be held against its key")
    else:
        yield Finding(
            _PART, Level.ERROR, node, "no TLSA record matches the key that it shows",
            f"senders with DANE send nothing; publish 3 1 1 {min(shown[node])}",
        )  # fmt: skip


def _sts(name: str, names: Names, fetch: Fetch) -> Iterator[Finding]:
    announced = [each for each in names.ask(f"_mta-sts.{name}", "TXT") if each.startswith("v=STSv1")]
    if not announced:
        return
    try:
        policy = fetch(f"mta-sts.{name}")
    except (OSError, http.client.HTTPException) as error:
        words = f"an MTA-STS policy is announced and cannot be had: {str(error) or type(error).__name__}"
        yield Finding(_PART, Level.WARNING, name, words, f"serve https://mta-sts.{name}/.well-known/mta-sts.txt")
        return
    fields = [line.partition(":")[::2] for line in policy.splitlines()]
    patterns = [value.strip().lower() for field, value in fields if field.strip() == "mx"]
    mode = next((value.strip() for field, value in fields if field.strip() == "mode"), "")
    exchangers = [each.partition(" ")[2] for each in names.ask(name, "MX")]
    missing = [each for each in exchangers if not any(_covers(pattern, each) for pattern in patterns)]
    if mode not in ("enforce", "testing", "none"):
        yield Finding(_PART, Level.WARNING, name, f"its MTA-STS policy has no mode: {mode!r}")
    elif missing and mode != "none":
        level = Level.ERROR if mode == "enforce" else Level.WARNING
        words = f"its MTA-STS policy ({mode}) does not name {', '.join(missing)}"
        yield Finding(_PART, level, name, words, "add an mx line for each, then change the id of the TXT record")
    else:
        yield Finding(_PART, Level.GOOD, name, f"its MTA-STS policy ({mode}) names every exchanger")


def _covers(pattern: str, exchanger: str) -> bool:
    """Whether a policy's name covers an exchanger's (RFC 8461 §4.1): a star stands for one label."""
    return fnmatchcase(exchanger, pattern) and exchanger.count(".") == pattern.count(".")


def policy_of(host: str, client: ssl.SSLContext, port: int = 443) -> str:
    """Fetch a policy as senders do: no redirects (RFC 8461 §3.3).

    :raises OSError: (or ``http.client.HTTPException``) it cannot be had.
    """
    connection = http.client.HTTPSConnection(host, port, timeout=FETCH_SECONDS, context=client)
    try:
        connection.request("GET", "/.well-known/mta-sts.txt")
        response = connection.getresponse()
        if response.status != 200:
            raise http.client.HTTPException(f"it is answered {response.status}")
        return response.read(POLICY_OCTETS).decode("utf-8", "replace")
    finally:
        connection.close()
