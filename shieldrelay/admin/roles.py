"""Who asks, and what a route demands of them: roles, domains, and how a route's answer is narrowed to the domains.

Values only. A route without both declarations cannot be made (``admin.router.Route``); ``admin.roles_warden`` holds
callers to them.
"""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen

from shieldrelay.config.admin import Role

__all__ = ["Caller", "Reach", "Role"]


class Reach(Enum):
    """What a route touches, and so what becomes of a caller who is limited to some domains."""

    NODE = "node"
    """The whole node: refused (403)."""
    EVERYBODY = "everybody"
    """Nothing of any domain."""
    PATH = "path"
    """The domain in the path, ``{domain}``: another one than the caller's is unknown (404)."""
    QUERY = "query"
    """The domain that ``?domain=`` names; who has one only need not name it."""
    MESSAGE = "message"
    """The message ``{id}`` in the path: its domain is asked first; another's message is unknown (404)."""
    ANSWER = "answer"
    """The answer says under ``domain`` whose it is; another's is unknown (404). For GET only: it is asked first."""
    NARROWED = "narrowed"
    """The route's ``narrow`` leaves of the answer what is the caller's. For GET only."""


@frozen
class Caller:
    """Somebody who has shown who they are.

    :ivar name: of the user, the token, or the user of the machine at the control socket.
    :ivar domains: protected domains that the caller is limited to; ``None``: all of the node.
    :ivar way: ``socket``, ``token``, ``session`` or ``peer``.
    :ivar source: the address that the request came from, ``""`` on the machine itself.
    """

    name: str
    role: Role
    domains: frozenset[str] | None = None
    way: str = field(default="socket", kw_only=True)
    source: str = field(default="", kw_only=True)

    @property
    def limited(self) -> bool:
        """Whether something of the node is out of reach."""
        return self.domains is not None
