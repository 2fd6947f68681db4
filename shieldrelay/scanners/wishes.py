"""What a scanner's plugin is set to: names, types and addresses, checked when the plugin is made.

Called by the plugins; whatever is wrong is a ValueError in words for the operator.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint

CONNECT_SECONDS = 5.0
_HOST_PORT = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})\Z")


def taken(plugin: str, settings: Mapping[str, object], defaults: Mapping[str, object]) -> dict[str, Any]:
    """Give all settings, those that are not set as they are by default.

    :param defaults: their types are the types of the settings; text that is a tuple's item is one choice of these, the
        first by default.
    :raises ValueError: one is not known, or of another type.
    """
    for name, value in settings.items():
        if name not in defaults:
            raise ValueError(f"{plugin} has no setting {name!r}; it has {', '.join(defaults) or 'none'}")
        wanted = defaults[name]
        if isinstance(wanted, tuple):
            if value not in wanted:
                raise ValueError(f"{name} is {' or '.join(map(repr, wanted))}, not {value!r}")
        elif type(value) is not type(wanted):
            raise ValueError(f"{name} is of type {type(wanted).__name__}, not {value!r}")
    plain = {name: wanted[0] if isinstance(wanted, tuple) else wanted for name, wanted in defaults.items()}
    return {**plain, **settings}


def endpoint(reactor: Any, server: str) -> IStreamClientEndpoint:
    """Give how a scanner is reached.

    :param server: ``unix:/path``, or ``address:port`` with IPv6 in brackets.
    :raises ValueError: it is neither.
    """
    if server.startswith("unix:/"):
        unix: IStreamClientEndpoint = UNIXClientEndpoint(reactor, server.removeprefix("unix:"), CONNECT_SECONDS)
        return unix
    match = _HOST_PORT.match(server)
    if match is None or not 0 < int(match[3]) < 65536:
        raise ValueError(f"a server is unix:/path or host:port, not {server!r}")
    make = TCP6ClientEndpoint if match[1] and ":" in match[1] else TCP4ClientEndpoint
    tcp: IStreamClientEndpoint = make(reactor, match[1] or match[2], int(match[3]), CONNECT_SECONDS)
    return tcp


def printable(text: str, most: int) -> str:
    """Give a scanner's words as they may stand in a reply or a header field: printable ASCII on one line."""
    return re.sub(r"[^!-~]+", " ", text).strip()[:most].strip()
