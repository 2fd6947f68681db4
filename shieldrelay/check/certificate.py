"""What a client that verifies would say of a certificate: a real handshake, with what this machine trusts.

In memory with the node's own files, or over a connection. Knows TLS only; gives words and raises nothing.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from shieldrelay.check.finding import Finding, Level

SOON_SECONDS = 21 * 86400
"""A certificate that ends within this time should have been renewed."""
NOW_SECONDS = 7 * 86400
"""One that ends within this time is an error."""
_STEPS = 20
_DAY = 86400


@frozen
class Shown:
    """What a handshake came to.

    :ivar trouble: why a client that verifies goes away; ``""``: it does not.
    :ivar ends: when the certificate does, seconds since the epoch; ``None`` when it was not trusted.
    """

    trouble: str = ""
    ends: float | None = None


def trusting(ca: str) -> ssl.SSLContext:
    """Make a client that verifies.

    :param ca: a file of certificates in PEM that are trusted; ``""``: the system's.
    :raises OSError: it cannot be read.
    """
    return ssl.create_default_context(cafile=ca or None)


def of_files(certificate: Path, key: Path, name: str, client: ssl.SSLContext) -> Shown:
    """Shake hands in memory.

    :raises OSError: the files cannot be read (``ssl.SSLError`` is one).
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key, password=_nobody_types)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = client.wrap_bio(to_client, to_server, server_hostname=name)
    answers = server.wrap_bio(to_server, to_client, server_side=True)

    def step() -> None:
        for each in (asks, answers):
            try:
                each.do_handshake()
            except ssl.SSLWantReadError:
                continue

    return _shaken(step, asks.getpeercert, lambda: asks.version() is not None)


def over(connection: ssl.SSLSocket) -> Shown:
    """Shake hands over a connection whose handshake was not done yet.

    :raises OSError: the connection breaks.
    """
    return _shaken(connection.do_handshake, connection.getpeercert, lambda: True)


def found(shown: Shown, name: str, subject: str) -> Finding:
    """Give the finding that a handshake comes to."""
    if shown.trouble:
        words = f"a client that verifies {name} goes away: {shown.trouble}"
        advice = f"have a certificate for {name} issued, and configure it with the whole chain"
        return Finding("tls", Level.WARNING, subject, words, advice)
    if shown.ends is None:
        return Finding("tls", Level.UNSURE, subject, "nothing is known of its end")
    left = shown.ends - time.time()
    words = f"valid for {name} for another {left / _DAY:.0f} days, and trusted"
    if left > SOON_SECONDS:
        return Finding("tls", Level.GOOD, subject, words)
    level = Level.ERROR if left < NOW_SECONDS else Level.WARNING
    return Finding("tls", level, subject, words, "renew it and reload the node; does the renewal run?")


def _nobody_types() -> str:
    """Keep OpenSSL from asking at the terminal for a passphrase."""
    return os.urandom(8).hex()


def _shaken(step: Callable[[], object], certificate: Callable[[], object], over: Callable[[], bool]) -> Shown:
    try:
        for _ in range(_STEPS):
            step()
            if over():
                break
    except ssl.SSLCertVerificationError as error:
        return Shown(error.verify_message)
    except ssl.SSLError as error:
        return Shown(str(error.reason or error))
    shown = certificate()
    if isinstance(shown, dict) and isinstance(shown.get("notAfter"), str):
        return Shown(ends=float(ssl.cert_time_to_seconds(shown["notAfter"])))
    return Shown()
