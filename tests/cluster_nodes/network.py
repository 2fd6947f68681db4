"""A network of hosts, each in a namespace of its own, joined by one bridge: real interfaces, IPv4 and IPv6.

Every host is in 10.0.0.0/8 and fd00::/16, so that all its addresses are neighbours of all others. Files, unix sockets
and process ids are common: a test reads what it likes, and talks over the network as whichever host it chooses. Needs
root. Whoever makes a `Network` closes it.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from tests.capabilities import program

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_NUMBERS = count()
_OPENING = threading.Lock()


def _run(*words: str) -> None:
    subprocess.run([program(words[0]), *words[1:]], check=True, stdin=subprocess.DEVNULL, capture_output=True)


def _enter(descriptor: int) -> None:
    """Put this thread into a namespace.

    :raises OSError: it cannot be.
    """
    if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Host:
    """One host.

    :ivar addresses: its addresses; the first one is what it speaks from.
    :ivar within: words before a command that is to run here.
    """

    def __init__(self, namespace: str, link: str, bridge: str, addresses: tuple[str, ...]) -> None:
        self.addresses = addresses
        self.within = (program("nsenter"), f"--net=/run/netns/{namespace}", "--")
        self._namespace = namespace
        self._link = link
        self._bridge = bridge

    @property
    def address(self) -> str:
        """The first of its addresses."""
        return self.addresses[0]

    def add(self, *addresses: str) -> None:
        """Have further addresses."""
        for address in addresses:
            words = (f"{address}/16", "nodad") if ":" in address else (f"{address}/8",)
            _run("ip", "-n", self._namespace, "address", "add", *words, "dev", "eth0")
            self.addresses += (address,) if address not in self.addresses else ()

    def cut(self) -> None:
        """Pull the cable: nothing comes and nothing goes, and nobody is told."""
        _run("ip", "-n", self._bridge, "link", "set", self._link, "down")

    def mend(self) -> None:
        """Put the cable back."""
        _run("ip", "-n", self._bridge, "link", "set", self._link, "up")

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let this thread make sockets here; they stay here."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self._namespace}", os.O_RDONLY)
        try:
            _enter(there)
            try:
                yield
            finally:
                _enter(own)
        finally:
            os.close(there)
            os.close(own)

    def connect(self, address: str, port: int, source: str = "", timeout: float = 30.0) -> socket.socket:
        """Connect from here.

        :param source: one of our addresses.
        :raises OSError: it cannot be.
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.inside():
            made = socket.socket(family)
        try:
            made.settimeout(timeout)
            if source:
                made.bind((source, 0))
            made.connect((address, port))
        except BaseException:
            made.close()
            raise
        return made


class Network:
    """A bridge, and the hosts on it."""

    def __init__(self) -> None:
        self._name = f"sr{os.getpid() % 100000}-{next(_NUMBERS)}"
        self._bridge = f"{self._name}-br"
        self._hosts: list[str] = []
        _run("ip", "netns", "add", self._bridge)
        self._hosts.append(self._bridge)
        words = ("link", "add", "br0", "type", "bridge", "mcast_snooping", "0", "forward_delay", "0")
        _run("ip", "-n", self._bridge, *words)
        _run("ip", "-n", self._bridge, "link", "set", "br0", "up")

    def host(self, name: str, *addresses: str) -> Host:
        """Put one more host on the bridge."""
        namespace, link = f"{self._name}-{name}", f"v{name}"
        _run("ip", "netns", "add", namespace)
        self._hosts.append(namespace)
        peer = ("type", "veth", "peer", "name", link, "netns", self._bridge)
        _run("ip", "-n", namespace, "link", "add", "eth0", *peer)
        _run("ip", "-n", self._bridge, "link", "set", link, "master", "br0", "up")
        for device in ("lo", "eth0"):
            _run("ip", "-n", namespace, "link", "set", device, "up")
        made = Host(namespace, link, self._bridge, addresses)
        made.add(*addresses)
        return made

    def close(self) -> None:
        """Take everything down; what still runs in a namespace keeps it until it ends."""
        for namespace in self._hosts:
            _run("ip", "netns", "del", namespace)
