"""A look at a next hop: does it answer, with TLS, and does it take mail for the domain from this machine.

A session is opened and ended before any content, so nobody gets mail. Blocking, a limit for each wait.
"""

from __future__ import annotations

import secrets
import smtplib
import ssl
from collections.abc import Iterator

from shieldrelay.check.finding import Finding, Level
from shieldrelay.config.hosts import HostPort

ANSWER_SECONDS = 10.0

_LET_IN = "let this node in, without limits: it is one client with everybody's mail"


def look_at_server(server: HostPort, domain: str, hostname: str) -> Iterator[Finding]:
    """Look at a next hop as this node would meet it.

    :param hostname: as which to say EHLO.
    """
    try:
        with smtplib.SMTP(str(server.host), server.port, local_hostname=hostname, timeout=ANSWER_SECONDS) as session:
            session.ehlo()
            yield from _is_itself(session, server, hostname)
            yield from _tls(session, server)
            yield from _recipients(session, server, domain)
    except (OSError, smtplib.SMTPException) as error:
        yield Finding("next hop", Level.ERROR, str(server), f"cannot be reached: {_words(error)}", _REACH)


_REACH = "is it up, and does its firewall let this machine come to that port?"


def _is_itself(session: smtplib.SMTP, server: HostPort, hostname: str) -> Iterator[Finding]:
    """Say when the server calls itself what the node is called: mail would go round in circles."""
    called = (session.ehlo_resp or b"").split(b"\n")[0].split(b" ")[0].decode("ascii", "replace")
    if called.lower() == hostname:
        advice = "name the server behind the node, not the node"
        yield Finding("next hop", Level.ERROR, str(server), f"calls itself {called}, as this node does", advice)


def _tls(session: smtplib.SMTP, server: HostPort) -> Iterator[Finding]:
    if not session.has_extn("starttls"):
        yield Finding("next hop", Level.NOTE, str(server), "offers no TLS: mail goes to it as plain text")
        return
    trusted = _shakes_hands(server, ssl.create_default_context())
    if trusted == "":
        advice = 'next_hop_tls = "verified" in the domain\'s file lets mail go to nobody else'
        yield Finding("next hop", Level.GOOD, str(server), f"has a trusted certificate for {server.host}", advice)
        return
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    trouble = _shakes_hands(server, anyone)
    if trouble:
        words = f"offers TLS that does not work ({trouble}): mail goes to it as plain text"
        yield Finding("next hop", Level.WARNING, str(server), words, "mend its TLS")
    else:
        yield Finding("next hop", Level.GOOD, str(server), "encrypts; who it is cannot be proven, and is not asked for")


def _shakes_hands(server: HostPort, context: ssl.SSLContext) -> str:
    """Try TLS on a connection of its own; give why it fails, ``""`` when it does not."""
    try:
        with smtplib.SMTP(str(server.host), server.port, timeout=ANSWER_SECONDS) as session:
            session.starttls(context=context)
    except (OSError, smtplib.SMTPException) as error:
        return _words(error)
    return ""


def _recipients(session: smtplib.SMTP, server: HostPort, domain: str) -> Iterator[Finding]:
    """See who is taken: postmaster must be, and nobody who does not exist needs to be."""
    code, words = session.docmd("MAIL", "FROM:<>")
    if code == 250:
        code, words = session.docmd("RCPT", f"TO:<postmaster@{domain}>")
    said = f"{code} {words.decode('ascii', 'replace').splitlines()[0] if words else ''}".strip()
    if code >= 500:
        what = f"refuses mail to postmaster@{domain}: {said}"
        yield Finding("next hop", Level.ERROR, str(server), what, "is it the server of this domain? " + _LET_IN)
    elif code >= 400:
        yield Finding("next hop", Level.WARNING, str(server), f"puts postmaster@{domain} off: {said}", _LET_IN)
    else:
        yield Finding("next hop", Level.GOOD, str(server), f"takes mail to postmaster@{domain}")
        yield from _nobody(session, server, domain)
    session.docmd("RSET")


def _nobody(session: smtplib.SMTP, server: HostPort, domain: str) -> Iterator[Finding]:
    code, _words = session.docmd("RCPT", f"TO:<{secrets.token_hex(8)}@{domain}>")
    if code == 250:
        words = "takes names that do not exist: only the list on this node refuses them"
        yield Finding("next hop", Level.NOTE, str(server), words)


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {ANSWER_SECONDS:g} s"
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode('ascii', 'replace') if isinstance(said, bytes) else said}"
    if isinstance(error, OSError):
        return str(error.strerror or error).lower()
    return str(error) or type(error).__name__
