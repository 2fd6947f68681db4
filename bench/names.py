"""A real name server, nsd, that knows the sender domains of a measurement; outside the account of what is measured.

Each of ``d0.sender.test`` and on has a mail exchanger in the internet and an SPF policy that every client of the
measurement passes; clients have a name that has another address.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import accounting
from bench.load import program, wait_until
from bench.setup import NAMES

DOMAINS = (1, 100, 10_000)
"""How many sender domains the loads have."""
_SOA = "$TTL 3600\n@ IN SOA ns hostmaster 1 3600 600 86400 60\n@ IN NS ns\nns IN A 9.9.9.9\n"
_QUERY = b"\0\1\1\0\0\1\0\0\0\0\0\0\6sender\4test\0\0\6\0\1"
"""SOA of the zone."""


@contextmanager
def answering(scratch: Path) -> Iterator[None]:
    """Run it.

    :raises BenchFault: nsd is not installed, or does not answer.
    """
    place = scratch / "names"
    place.mkdir()
    _lay_out(place)
    with (place / "output").open("wb") as output:
        command = [program("nsd"), "-d", "-c", str(place / "nsd.conf")]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        wait_until(_answers, 20, "the name server")
        yield
    finally:
        accounting.kill([process.pid])
        process.wait()


def _lay_out(place: Path) -> None:
    """Write its configuration and its zones."""
    records = "".join(f'd{each} MX 10 mx\nd{each} TXT "v=spf1 ip4:127.0.0.0/8 -all"\n' for each in range(max(DOMAINS)))
    (place / "senders.zone").write_text(f"{_SOA}mx A 9.9.9.9\nclient A 9.9.9.9\n{records}")
    (place / "clients.zone").write_text(f"{_SOA}* PTR client.sender.test.\n")
    host, port = NAMES
    lines = [
        "server:", f"  ip-address: {host}@{port}", '  username: ""', '  chroot: ""', f'  zonesdir: "{place}"',
        f'  pidfile: "{place}/nsd.pid"', '  database: ""', f'  zonelistfile: "{place}/zone.list"',
        f'  xfrdfile: "{place}/xfrd.state"', f'  xfrdir: "{place}"', "  server-count: 1",
        "remote-control:", "  control-enable: no",
        "zone:", "  name: sender.test", "  zonefile: senders.zone",
        "zone:", "  name: 127.in-addr.arpa", "  zonefile: clients.zone",
    ]  # fmt: skip
    (place / "nsd.conf").write_text("\n".join(lines) + "\n")


def _answers() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        try:
            asking.connect(NAMES)
            asking.send(_QUERY)
            return len(asking.recv(512)) > len(_QUERY)
        except OSError:
            return False
