"""Settings of the administration over TCP, ``[admin]``: who may do what, and under which certificate.

Knows no HTTP. Passwords are not here: each user's hash stands in a file. Where it listens is ``[listen] admin`` and
``metrics``. What contradicts other settings is found by ``config.admin_checks``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from shieldrelay.config.hosts import DomainName
from shieldrelay.config.kinds import Choice, FilePath, ListOf, Maybe, Word
from shieldrelay.config.quantities import Duration
from shieldrelay.config.setting import keyed, section, setting


class Role(Enum):
    """What somebody may do; each may do what those before it may."""

    VIEW = "view"
    OPERATE = "operate"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether this role is enough where that one is needed."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@section
class User:
    """Somebody who logs in with a password."""

    password: str = setting(
        FilePath(),
        example="/etc/shieldrelay/secrets/alice",
        help="A file whose first line is the hash of the password, as `shieldrelayctl password` prints it.",
    )
    role: Role = setting(
        Choice(Role),
        default="view",
        help="view: look. operate: also act on mail, sources and lists. admin: also the configuration and tokens.",
    )
    domains: tuple[str, ...] = setting(
        ListOf(DomainName()),
        default=[],
        example=["example.com"],
        help="Protected domains that the user is limited to; what is not one domain's is out of reach. Empty: all.",
    )


@section
class Admin:
    """The administration over TCP: its certificate, its users and how long they stay logged in."""

    certificate: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/tls/admin.pem",
        help=(
            "Certificate chain in PEM for the administration. Without it: the node's own of [tls], and none on the "
            "loopback. Off the loopback there is always TLS."
        ),
    )
    private_key: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/tls/admin.key",
        help="The certificate's private key in PEM.",
    )
    session_lifetime: float = setting(
        Duration("5m", "7d"), default="12h", help="How long a log-in holds at most."
    )
    session_idle: float = setting(
        Duration("1m", "7d"), default="1h", help="After how long without a request a log-in ends."
    )
    users: Mapping[str, User] = keyed(
        Word(),
        User,
        factory=dict,
        example="alice",
        help="Who may log in. Programs have tokens instead: `shieldrelayctl token`.",
    )
