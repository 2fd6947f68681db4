"""What a run of the tests needs from the machine, in one table, each probed by trying it.

A test that needs something says so with `possible`; where it is absent the test is not collected and is counted, so
that the summary can say ``N not possible here``. What is present may not be skipped: `tests.run` fails on any skip.

Probes run at most once a run: the first process that needs an answer leaves it in the environment for the worker
processes of ``-j``. A probe never raises; whatever goes wrong means absent. ``SHIELDRELAY_ABSENT="root,strace"``
declares things absent that are there. ``python -m tests.capabilities`` prints the table.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from attrs import frozen

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FOUND = "SHIELDRELAY_CAPABILITIES"
_ABSENT = "SHIELDRELAY_ABSENT"

Tested = TypeVar("Tested")


@frozen
class Capability:
    """One thing that a machine may or may not offer.

    :ivar name: what tests call it.
    :ivar probe: tries it; true when it works here. May raise anything an operating system raises.
    :ivar remedy: what makes it present, for the table.
    """

    name: str
    probe: Callable[[], bool]
    remedy: str


def program(name: str) -> str:
    """Give the path of a program, looked for where root's programs live too.

    :raises FileNotFoundError: it is not installed.
    """
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":" + _SYSTEM_PATH)
    if found is None:
        raise FileNotFoundError(name)
    return found


def _runs(*words: str) -> bool:
    """Whether a command ends with 0 within ten seconds."""
    command = [program(words[0]), *words[1:]]
    return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=10).returncode == 0


def _installed(*names: str) -> Callable[[], bool]:
    """Make a probe that looks for programs."""
    return lambda: all(program(name) for name in names)


def _root() -> bool:
    return os.geteuid() == 0


def _loop_mounts() -> bool:
    """Mount a small ext4 image, write to it, and unmount it."""
    with tempfile.TemporaryDirectory() as scratch:
        image, place = Path(scratch, "image"), Path(scratch, "mounted")
        place.mkdir()
        with image.open("wb") as file:
            file.truncate(2 << 20)
        made = _root() and _runs("mkfs.ext4", "-q", "-F", str(image))
        if not (made and _runs("mount", "-o", "loop", str(image), str(place))):
            return False
        try:
            return place.joinpath("written").write_text("x") == 1
        finally:
            _runs("umount", str(place))


def _tmpfs_mounts() -> bool:
    """Mount a tmpfs of declared size and unmount it."""
    with tempfile.TemporaryDirectory() as place:
        return _root() and _runs("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place) and _runs("umount", place)


def _network_namespaces() -> bool:
    name = f"shieldrelay-{os.getpid()}"
    return _root() and _runs("ip", "netns", "add", name) and _runs("ip", "netns", "del", name)


def _own_world() -> bool:
    """See whether a process may have namespaces of everything, and files of its own over the machine's."""
    with tempfile.TemporaryDirectory() as place:
        laid = (
            f"mount -t tmpfs tmpfs {place} && mkdir {place}/u {place}/w {place}/r && "
            f"mount -t overlay overlay -o lowerdir=/,upperdir={place}/u,workdir={place}/w {place}/r && "
            f"touch {place}/r/etc/own && ip link add one type veth peer name other"
        )
        own = ("unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--propagation", "private", "sh", "-c", laid)
        return _root() and _runs(*own)


def _fault_injection() -> bool:
    """See whether strace may trace here (containers often forbid it) and an injected error reaches the call."""
    with tempfile.NamedTemporaryFile() as file:
        injected = ("-e", "trace=fsync", "-e", "inject=fsync:error=EIO", "sync", file.name)
        untouched = _runs("strace", "-qq", "-o", "/dev/null", "sync", file.name)
        return untouched and not _runs("strace", "-qq", "-o", "/dev/null", *injected)


def _chromium() -> bool:
    return any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))


def _loopback_addresses() -> bool:
    """See whether all of 127.0.0.0/8 can be bound to: many sources on one machine."""
    with socket.socket() as one:
        one.bind(("127.9.8.7", 0))
    return True


def _ipv6_loopback() -> bool:
    with socket.socket(socket.AF_INET6) as one:
        one.bind(("::1", 0))
    return True


def _python_milter() -> bool:
    """See whether the system's Python has libmilter's binding."""
    return _runs("/usr/bin/python3", "-c", "import Milter")


CAPABILITIES = {
    each.name: each
    for each in (
        Capability("root", _root, "run as root"),
        Capability("loop mounts", _loop_mounts, "root, e2fsprogs, and a kernel with loop devices"),
        Capability("tmpfs mounts", _tmpfs_mounts, "root with CAP_SYS_ADMIN"),
        Capability("network namespaces", _network_namespaces, "root with CAP_NET_ADMIN, iproute2"),
        Capability("a world of its own", _own_world, "root, with leave to unshare and to mount overlays; iproute2"),
        Capability("nftables", _installed("nft"), "apt install nftables"),
        Capability("fault injection", _fault_injection, "strace, and leave to trace"),
        Capability("loopback addresses", _loopback_addresses, "a Linux loopback device"),
        Capability("ipv6", _ipv6_loopback, "IPv6 on the loopback device"),
        Capability("redis-server", _installed("redis-server"), "apt install redis-server"),
        Capability("redis-sentinel", _installed("redis-sentinel"), "apt install redis-sentinel"),
        Capability("smtp-source", _installed("smtp-source"), "apt install postfix"),
        Capability("smtp-sink", _installed("smtp-sink"), "apt install postfix"),
        Capability("postfix", lambda: _root() and _installed("postfix")(), "root, apt install postfix"),
        Capability("swaks", _installed("swaks"), "apt install swaks"),
        Capability("slapd", _installed("slapd", "slapadd"), "apt install slapd"),
        Capability("nsd", _installed("nsd"), "apt install nsd"),
        Capability("unbound", _installed("unbound"), "apt install unbound"),
        Capability("systemd-socket-activate", _installed("systemd-socket-activate"), "apt install systemd"),
        Capability("systemd-analyze", _installed("systemd-analyze"), "apt install systemd"),
        Capability("rspamd", _installed("rspamd"), "apt install rspamd"),
        Capability("clamd", _installed("clamd"), "apt install clamav-daemon"),
        Capability("opendkim", _installed("opendkim"), "apt install opendkim"),
        Capability("python3-milter", _python_milter, "apt install python3-milter"),
        Capability("chromium", _chromium, "apt install chromium"),
        Capability("promtool", _installed("promtool"), "apt install prometheus"),
        Capability("ssh", _installed("ssh"), "apt install openssh-client"),
        Capability("openssl", _installed("openssl"), "apt install openssl"),
    )
}
"""Everything that a test may ask for."""


def is_present(name: str) -> bool:
    """Whether the machine offers what is called ``name``; probed at the first question.

    :raises KeyError: no capability is called so.
    """
    capability = CAPABILITIES[name]
    known = dict(item.split("=") for item in os.environ.get(_FOUND, "").split(",") if item)
    if name not in known:
        known[name] = str(int(_probed(capability)))
        os.environ[_FOUND] = ",".join(f"{key}={value}" for key, value in known.items())
    return known[name] == "1"


def _probed(capability: Capability) -> bool:
    if capability.name in os.environ.get(_ABSENT, "").split(","):
        return False
    try:
        return capability.probe()
    except (OSError, subprocess.SubprocessError):
        return False


NOT_POSSIBLE: dict[str, tuple[str, ...]] = {}
"""The tests that are not collected here, by name, with what each lacks. Filled as test modules are imported."""


def possible(*names: str) -> Callable[[Tested], Tested]:
    """Decorate a test method or a test case that needs the named capabilities.

    Where one is absent the decorated thing is replaced by ``None``, which trial does not collect, and counted.

    :raises KeyError: (at once, whatever is present) no capability is called so.
    """
    lacking = tuple(name for name in names if not is_present(name))

    def decide(tested: Tested) -> Tested:
        if not lacking:
            return tested
        NOT_POSSIBLE.update((test, lacking) for test in _tests_of(tested))
        absent: Any = None
        return absent

    return decide


def _tests_of(tested: Any) -> list[str]:
    """Name the tests in a test case, or the one that a function is."""
    name = f"{tested.__module__}.{tested.__qualname__}"
    if not isinstance(tested, type):
        return [name]
    return [f"{name}.{each}" for each in dir(tested) if each.startswith("test") and callable(getattr(tested, each))]


def table() -> str:
    """Render what is present and absent, one line each."""
    lines = ["What this machine offers to the tests:"]
    for name, capability in CAPABILITIES.items():
        lines.append(f"  {name:20} present" if is_present(name) else f"  {name:20} absent   ({capability.remedy})")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
