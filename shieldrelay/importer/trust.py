"""Whom the child believes: TLS towards directories and web servers, verified unless the operator says otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from twisted.internet.ssl import Certificate, CertificateOptions, optionsForClientTLS, trustRootFromCertificates
from twisted.python.failure import Failure

from shieldrelay.importer.fault import FaultKind, ImportFault, shown, system_words

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_FILE_OCTETS = 4 << 20


def authorities(file: str | None) -> Any:
    """Give what has to have signed: the certificates in a file, or ``None`` for the system's.

    :raises ImportFault: the file has none.
    """
    if file is None:
        return None
    try:
        with Path(file).open("rb") as opened:
            found = _PEM.findall(opened.read(_FILE_OCTETS).decode("ascii", "replace"))
        certificates = [Certificate.loadPEM(each.encode("ascii")) for each in found]
    except OSError as error:
        raise ImportFault(FaultKind.UNREADABLE, f"{file}: {system_words(error)}") from None
    except Exception as error:  # noqa: BLE001 - whatever OpenSSL thinks of the file
        raise ImportFault(FaultKind.UNREADABLE, f"{file}: {_openssl_words(error)}") from None
    if not certificates:
        raise ImportFault(FaultKind.UNREADABLE, f"{file}: there is no certificate in it")
    return trustRootFromCertificates(certificates)


def client_options(host: str, ca: str | None, *, verify: bool) -> Any:
    """Give what a client's ``startTLS`` takes.

    :param host: name or address that the certificate must prove.
    :raises ImportFault: the file of authorities cannot be used.
    """
    if not verify:
        return CertificateOptions(verify=False)
    return optionsForClientTLS(host, trustRoot=authorities(ca))


def connection_fault(failure: Failure, server: str) -> ImportFault:
    """Put into words why a connection failed or ended."""
    error: Any = failure.value
    for each in _causes(error):
        if isinstance(each, ImportFault):
            return each
        if isinstance(each, MemoryError):
            return ImportFault(FaultKind.TOO_LARGE, f"{server} sent more than there is memory for")
        module = type(each).__module__
        if module.startswith(("OpenSSL", "service_identity")):
            return ImportFault(FaultKind.CERTIFICATE, f"TLS with {server} failed: {_openssl_words(each)}")
        if type(each).__name__ == "PotentialDataLoss":
            return ImportFault(FaultKind.INCOMPLETE, f"{server} does not say where its answer ends")
    words = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
    return ImportFault(FaultKind.UNREACHABLE, f"{server}: {words}")


def _causes(error: BaseException) -> list[BaseException]:
    """Give an error with those that it wraps (``twisted.web``'s ``reasons``)."""
    found = [error]
    reasons: Sequence[Any] = getattr(error, "reasons", None) or ()
    for reason in list(reasons)[:8]:
        found.append(cast(BaseException, reason.value if isinstance(reason, Failure) else reason))
    return found


def _openssl_words(error: BaseException) -> str:
    """Take the reasons out of OpenSSL's list, or name what was not proven."""
    reasons = error.args[0] if error.args else ()
    if isinstance(reasons, list | tuple) and reasons and isinstance(reasons[0], tuple):
        return ", ".join(str(each[-1]) for each in reasons)
    mismatches = getattr(error, "errors", None)
    if mismatches:
        return "its certificate is for another name"
    return shown(str(error) or type(error).__name__)
