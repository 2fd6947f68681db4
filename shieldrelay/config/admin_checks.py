"""What ``[admin]`` and its addresses contradict. Called by ``config.checks`` and, for domains, by ``config.reader``.

Looks at the file system only to ask whether a named file can be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shieldrelay.config.finding import Finding, readable, secret, together
from shieldrelay.config.hosts import HostPort
from shieldrelay.config.schema import Configuration


def check_admin(configuration: Configuration) -> Iterator[Finding]:
    """Look at the section beside ``[listen]``."""
    admin = configuration.admin
    yield from together(("admin",), "certificate", admin.certificate, "private_key", admin.private_key)
    yield from readable(
        [(("admin", "certificate"), admin.certificate), (("admin", "private_key"), admin.private_key)]
    )
    for name, user in admin.users.items():
        yield from secret(("admin", "users", name, "password"), user.password)
    manhole = configuration.manhole
    yield from together(("manhole",), "listen", manhole.listen, "keys", manhole.keys)
    yield from readable([(("manhole", "keys"), manhole.keys)])
    yield from _check_listen(configuration)


def check_admin_domains(configuration: Configuration, names: Iterable[str]) -> Iterator[Finding]:
    """Hold that users are limited to domains that there are.

    :param names: of the protected domains, without their aliases.
    """
    protected = set(names)
    for name, user in configuration.admin.users.items():
        for domain in user.domains:
            if domain not in protected:
                path = ("admin", "users", name, "domains")
                yield Finding((path,), f"{domain} is not a protected domain", "the name of one, no alias")


def _check_listen(configuration: Configuration) -> Iterator[Finding]:
    listen = configuration.listen
    seen: dict[HostPort, str] = dict.fromkeys(listen.smtp, "smtp")
    for name in ("admin", "metrics"):
        addresses: tuple[HostPort, ...] = getattr(listen, name)
        for address in addresses:
            if address.port and address in seen:
                yield Finding((("listen", name),), f"{address} is there twice", "name each address once")
            seen[address] = name
