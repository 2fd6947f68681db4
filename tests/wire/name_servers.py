"""Real name servers for tests: nsd with zones of its own, and unbound before it, on ports of the loopback device."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tests.capabilities import program

HOST = "127.0.0.1"
START_SECONDS = 10.0

ZONE = """\
$TTL 300
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
"""


def free_port() -> int:
    """Give a port that is free for UDP and TCP now."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as streams:
            datagrams.bind((HOST, 0))
            port: int = datagrams.getsockname()[1]
            try:
                streams.bind((HOST, port))
            except OSError:
                continue
            return port


class Server:
    """One name server.

    :ivar address: what to ask.
    """

    def __init__(self, directory: Path, port: int, command: list[str]) -> None:
        self.address = (HOST, port)
        self._output = (directory / "output").open("wb")
        self._process = subprocess.Popen(command, stdout=self._output, stderr=self._output)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()

    def _wait(self) -> None:
        """Wait until it answers."""
        query = b"\0\1\1\0\0\1\0\0\0\0\0\0\0\0\2\0\1"  # NS of the root
        end = time.monotonic() + START_SECONDS
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.1)
            asking.connect(self.address)
            while time.monotonic() < end and self._process.poll() is None:
                try:
                    asking.send(query)
                    if asking.recv(512):
                        return
                except OSError:
                    time.sleep(0.02)
        raise OSError(f"the name server did not start: {self._output.name}")


def nsd(directory: Path, zones: Mapping[str, str]) -> Server:
    """Start nsd.

    :param zones: the records of each, in the form of a zone file, SOA and NS apart.
    """
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    place = directory.absolute()
    lines = [
        "server:", f"  ip-address: {HOST}@{port}", '  username: ""', '  chroot: ""', f'  zonesdir: "{place}"',
        f'  pidfile: "{place}/nsd.pid"', '  database: ""', f'  zonelistfile: "{place}/zone.list"',
        f'  xfrdfile: "{place}/xfrd.state"', f'  xfrdir: "{place}"', "  server-count: 1",
        "remote-control:", "  control-enable: no",
    ]  # fmt: skip
    for number, (name, records) in enumerate(zones.items()):
        (place / f"{number}.zone").write_text(ZONE + records)
        lines += ["zone:", f"  name: {name}", f"  zonefile: {number}.zone"]
    (place / "nsd.conf").write_text("\n".join(lines) + "\n")
    return Server(place, port, [program("nsd"), "-d", "-c", str(place / "nsd.conf")])


def unbound(directory: Path, authority: Server, zones: list[str]) -> Server:
    """Start unbound, which asks nsd for its zones and knows nothing else."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    place = directory.absolute()
    lines = [
        "server:", f"  interface: {HOST}@{port}", '  username: ""', '  chroot: ""', f'  directory: "{place}"',
        f'  pidfile: "{place}/unbound.pid"', "  use-syslog: no", "  do-not-query-localhost: no",
        '  module-config: "iterator"', "  do-ip6: no",
        '  local-zone: "test." nodefault',
    ]  # fmt: skip
    lines += ["remote-control:", "  control-enable: no"]
    for zone in zones:
        lines += ["stub-zone:", f'  name: "{zone}"', f"  stub-addr: {HOST}@{authority.address[1]}"]
    (place / "unbound.conf").write_text("\n".join(lines) + "\n")
    return Server(place, port, [program("unbound"), "-d", "-c", str(place / "unbound.conf")])
