"""Settings of alarms, ``[alarms]``: who is told, by webhook and by mail, and from what on. Declarations only.

Whoever is named here is told; by default nobody is, and alarms stand in the journal and in the status alone.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from enum import Enum
from urllib.parse import urlsplit

from attrs import frozen

from shieldrelay.config.hosts import IpNetwork, MailboxText, Network
from shieldrelay.config.kinds import Choice, FilePath, Kind, ListOf, Maybe, Unfit, Word, shown, text_of
from shieldrelay.config.quantities import Duration
from shieldrelay.config.setting import keyed, section, setting
from shieldrelay.mail.address import Mailbox

URL_CHARACTERS = 1000


class AlarmLevel(Enum):
    """From which level on somebody is told."""

    WARN = "warn"
    ERROR = "error"


def check_url(text: str) -> str:
    """Take the URL of a webhook.

    :raises Unfit: it is none that may be used; the words do not repeat it, since it may be a secret.
    """
    try:
        url = urlsplit(text)
        host, _ = url.hostname or "", url.port
    except ValueError:
        raise Unfit("it is not a URL") from None
    if url.scheme not in ("https", "http") or not host or len(text) > URL_CHARACTERS:
        raise Unfit("it is not the URL of a web server")
    if url.username is not None or url.fragment or not text.isascii() or not text.isprintable() or " " in text:
        raise Unfit("it has a user, a fragment, or characters that no URL has")
    if url.scheme == "http" and not _is_loopback(host):
        raise Unfit("http is for this machine alone, use https")
    return text


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@frozen
class WebhookAddress:
    """Where a webhook is.

    :ivar url: as written; ``""``: ``file`` has it in its first line.
    """

    url: str = ""
    file: str = ""

    @property
    def value(self) -> str:
        """As it may be shown."""
        return f"file:{self.file}" if self.file else self.url

    def __str__(self) -> str:
        return self.value


@frozen
class WebhookUrl(Kind[WebhookAddress]):
    """A URL, or a file that has it."""

    def parse(self, written: object) -> WebhookAddress:
        """Take either."""
        text = text_of(written)
        if text.startswith("file:"):
            return WebhookAddress(file=FilePath().parse(text.removeprefix("file:")))
        if not text.startswith(("https://", "http://")):
            raise Unfit(f"{shown(written)} is neither a URL nor a file")
        return WebhookAddress(url=check_url(text))

    @property
    def valid(self) -> str:
        """The forms."""
        return '"https://host/path", or "file:/path" of a file whose first line is the URL'


@section
class Webhook:
    """A web server that is told of alarms."""

    url: WebhookAddress = setting(
        WebhookUrl(),
        example="https://alarms.example/hooks/shieldrelay",
        help="Where each alarm is posted as JSON. A URL that is a secret stands in a file: file:/path.",
    )
    secret: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/secrets/webhook",
        help="A file whose first line is the secret that messages are signed with (HMAC-SHA256).",
    )
    level: AlarmLevel = setting(Choice(AlarmLevel), default="warn", help="From which level on it is told.")
    ca: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/tls/alarms-ca.pem",
        help="Authorities that may have signed its certificate, in PEM; without it the system's.",
    )


@section
class Alarms:
    """Who is told of alarms."""

    webhook: Mapping[str, Webhook] = keyed(
        Word(), Webhook, factory=dict, example="pager", help="Web servers that are told."
    )
    mail_to: tuple[Mailbox, ...] = setting(
        ListOf(MailboxText()),
        default=[],
        example=["admin@example.com"],
        help="Who is told by mail. It goes out as failure notices do ([delivery] notices), from the null reverse-path.",
    )
    mail_level: AlarmLevel = setting(Choice(AlarmLevel), default="error", help="From which level on they are told.")
    mail_from: Mailbox | None = setting(
        Maybe(MailboxText()),
        default=None,
        example="relay@shield.example",
        help="What the From: field of alarms and reports says. Without it: shieldrelay at the node's hostname.",
    )
    nodes: tuple[IpNetwork, ...] = setting(
        ListOf(Network()),
        default=[],
        example=["192.0.2.1/32", "192.0.2.2/32"],
        help=(
            "Networks of nodes that the customers' firewalls let in. A node that joins the cluster from elsewhere is "
            "an alarm. Empty: nobody is looked at."
        ),
    )
    certificate: float = setting(
        Duration("1d", "365d"), default="21d", help="How long before its end a certificate is an alarm."
    )
