"""The node's own files: is the configuration valid, and would a client that verifies trust the certificate?"""

from __future__ import annotations

import io
import ssl
import time
from collections.abc import Iterator

from shieldrelay.assembly.translation import certificate_files, server_tls
from shieldrelay.check.certificate import found, of_files
from shieldrelay.check.finding import Finding, Level
from shieldrelay.config.schema import Configuration
from shieldrelay.tap.examination import try_configuration
from shieldrelay.wire.certificates import CertificateFault, CertificateFiles, read_certified_key

_PART = "configuration"


def settings(file: str) -> Iterator[Finding]:
    """Read everything that a start would read."""
    out, err = io.StringIO(), io.StringIO()
    status = try_configuration(file, out, err)
    faults = err.getvalue().splitlines()[:-1] if status else []
    for fault in faults:
        fault = fault.removeprefix(f"{file}: ")  # it is the subject already
        yield Finding(_PART, Level.ERROR, file, fault, "a running node keeps what it has, and none starts")
    for line in out.getvalue().splitlines():
        if line.startswith("note: "):
            yield Finding(_PART, Level.NOTE, file, line.removeprefix("note: "))
    if not status:
        yield Finding(_PART, Level.GOOD, file, "valid")


def certificates(configuration: Configuration, client: ssl.SSLContext) -> Iterator[Finding]:
    """Look at the certificate for every name under which it is shown."""
    tls, admin = server_tls(configuration), configuration.admin
    if tls.files is None:
        yield Finding(
            "tls", Level.NOTE, tls.hostname, "the node makes its own certificate, which nobody can verify",
            "configure one that a CA has signed: senders with DANE or strict policies send nothing otherwise",
        )  # fmt: skip
    else:
        yield from _certificate(tls.files, tls.hostname, client)
    for name, files in tls.by_name.items():
        yield from _certificate(files, name, client)
    own = certificate_files(admin.certificate, admin.private_key)
    if own is not None:
        yield from _certificate(own, "", client)


def _certificate(files: CertificateFiles, name: str, client: ssl.SSLContext) -> Iterator[Finding]:
    subject = str(files.certificate)
    try:
        certified = read_certified_key(files)
        untimely = certified.untimely(time.time())
        if untimely:
            yield Finding("tls", Level.ERROR, subject, f"it {untimely}", "have it renewed and reload the node")
            return
        name = name or next(iter(certified.names), "")
        yield found(of_files(files.certificate, files.private_key, name.replace("*", "any", 1), client), name, subject)
    except CertificateFault as fault:
        yield Finding("tls", Level.ERROR, subject, str(fault), "every key needs its certificate, readable by the node")
    except OSError as error:
        yield Finding("tls", Level.UNSURE, subject, f"it cannot be tried: {error}")
