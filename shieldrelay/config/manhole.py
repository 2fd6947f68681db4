"""Settings of ``[manhole]``: a Python prompt inside the running node, for who mends it. Declarations only.

Whoever comes in can do whatever the node can; so it listens on the loopback or on a unix socket and nowhere else.
"""

from __future__ import annotations

import ipaddress

from shieldrelay.config.hosts import HostPort, ListenAddress
from shieldrelay.config.kinds import FilePath, Kind, Maybe, Unfit, text_of
from shieldrelay.config.quantities import Duration
from shieldrelay.config.setting import section, setting


class NearAddress(Kind[HostPort | str]):
    """A port of the loopback device, or the path of a unix socket."""

    def parse(self, written: object) -> HostPort | str:
        """Parse."""
        if text_of(written).startswith("/"):
            return FilePath().parse(written)
        address = ListenAddress().parse(written)
        if not ipaddress.ip_address(address.host).is_loopback:
            raise Unfit(f"{address} can be reached from elsewhere")
        return address

    @property
    def valid(self) -> str:
        """Say what is valid."""
        return 'an address of the loopback device with a port ("127.0.0.1:8022"), or the absolute path of a socket'


@section
class Manhole:
    """A Python prompt inside the running node, by SSH; whoever has it can do whatever the node can."""

    listen: HostPort | str | None = setting(
        Maybe(NearAddress()),
        default=None,
        example="127.0.0.1:8022",
        help=(
            "A port of the loopback device, or a unix socket's path. Of several processes the first has it, the second "
            "the next port (or the path with .2 behind it). Without it there is none. It takes a restart."
        ),
    )
    keys: str | None = setting(
        Maybe(FilePath()),
        default=None,
        example="/etc/shieldrelay/manhole.keys",
        help="Who may come in: public keys as in OpenSSH's authorized_keys, without options. Read at each log-in.",
    )
    idle: float = setting(
        Duration("10s", "1d"), default="10m", help="After how long without a keystroke a log-in ends."
    )
