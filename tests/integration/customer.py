"""The customer's server as a process of its own: a `ScriptedNextHop` that a test steers over a pipe.

`Customer` is the test's end, and blocks; ``python -m tests.integration.customer`` is the other. One JSON object a line
each way, one answer for each request. What the server takes it appends to a ledger, one line a message, before its
250 is written, so that a storm needs no memory for contents; `Taken.digest` is over what stands behind our own
``Received`` field. The process ends when its standard input does, so that none survives its test.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, frozen
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IAddress
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from shieldrelay.testing import nexthop
from shieldrelay.testing.nexthop import Act, End, ScriptedNextHop, Step, StoredMessage
from shieldrelay.testing.nexthop_session import NextHopSession

ROOT = Path(__file__).resolve().parents[2]
FAREWELL_SECONDS = 0.02
"""What replies under way get to leave before the connections are broken."""
TOKEN_FIELD = b"X-Token: "

ActSpec = Mapping[str, Any]


@frozen
class Taken:
    """One message that the customer's server took.

    :ivar token: from the field ``X-Token``; empty when there is none.
    :ivar digest: SHA-256 of the octets behind the first header field, in hexadecimal.
    :ivar traced: whether that first field is a ``Received``.
    :ivar content: latin-1, of servers that keep contents; else empty.
    """

    token: str
    digest: str
    traced: bool
    reverse_path: str
    recipients: tuple[str, ...]
    tls: bool
    mail_parameters: tuple[str, ...]
    content: str


def taken(message: StoredMessage, *, keep: bool) -> Taken:
    """Tell what a stored message is."""
    first, rest = parted(message.content)
    begin = message.content.find(TOKEN_FIELD) + len(TOKEN_FIELD)
    token = message.content[begin : message.content.find(b"\r\n", begin)] if begin >= len(TOKEN_FIELD) else b""
    return Taken(
        token.decode("latin-1"),
        hashlib.sha256(rest).hexdigest(),
        first.startswith(b"Received: from "),
        message.reverse_path.decode("latin-1"),
        tuple(one.decode("latin-1") for one in message.recipients),
        message.tls,
        tuple(one.decode("latin-1") for one in message.mail_parameters),
        message.content.decode("latin-1") if keep else "",
    )


def parted(content: bytes) -> tuple[bytes, bytes]:
    """Part the first header field, with its continuation lines, from the rest."""
    end = content.find(b"\r\n")
    while end >= 0 and content[end + 2 : end + 3] in (b" ", b"\t"):
        end = content.find(b"\r\n", end + 2)
    return content[: end + 2], content[end + 2 :]


def say(reply: str, *, delay: float = 0.0, end: End = End.GO_ON) -> ActSpec:
    """Answer so, after so many seconds, and then go on or not."""
    return {"kind": "say", "reply": reply, "delay": delay, "end": end.name}


def doing(kind: str, **arguments: Any) -> ActSpec:
    """Do one of ``silence``, ``close``, ``reset``, ``stall``, ``lose_reply`` or ``endless`` (``repeated``)."""
    return {"kind": kind, **arguments}


class Customer:
    """Steers a customer's server; it is up once made.

    :param keep: whether contents are kept, for `taken`.
    :param within: words before the command that starts it: what puts the process where it belongs.
    :ivar port: on ``host``, the same in all its lives.
    """

    def __init__(
        self,
        *,
        keep: bool = True,
        extensions: Sequence[str] | None = None,
        host: str = "127.0.0.1",
        within: Sequence[str] = (),
    ) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="shieldrelay-customer-")
        self._ledger = Path(self._scratch.name, "ledger")
        self._ledger.touch()
        words = [str(self._ledger), "keep" if keep else "digest", host, *(extensions or ())]
        self._process = subprocess.Popen(
            [*within, sys.executable, "-m", "tests.integration.customer", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.up())

    def up(self) -> Any:
        """Listen."""
        return self._ask(do="up")

    def down(self, how: End = End.RESET) -> None:
        """Refuse connections and end those that stand."""
        self._ask(do="down", how=how.name)

    def on(self, step: Step, act: ActSpec) -> None:
        """Do this at each such step from now on."""
        self._ask(do="on", step=step.name, act=act)

    def once(self, step: Step, *acts: ActSpec) -> None:
        """Do these, one each time."""
        self._ask(do="once", step=step.name, acts=acts)

    def on_recipient(self, mailbox: str, act: ActSpec) -> None:
        """Do this at each RCPT for this mailbox."""
        self._ask(do="on_recipient", mailbox=mailbox, act=act)

    def clear(self, but: Mapping[str, ActSpec] | None = None) -> None:
        """Be decent again, in one step, but for these mailboxes."""
        self._ask(do="clear", but=dict(but or {}))

    def times(self, step: Step) -> int:
        """Give how often a step was reached."""
        return int(self._ask(do="times", step=step.name))

    def violations(self) -> list[str]:
        """Give every liberty that the node took."""
        return list(self._ask(do="violations"))

    def connections(self) -> int:
        """Give how many connections there ever were."""
        return int(self._ask(do="connections"))

    def most_connections(self) -> int:
        """Give how many connections there were at once, at most."""
        return int(self._ask(do="most_connections"))

    def taken(self) -> list[Taken]:
        """Give everything it took so far, in order; what stands in the ledger was taken."""
        text = self._ledger.read_text()
        lines = text[: text.rfind("\n") + 1].splitlines()
        return [_from_json(json.loads(line)) for line in lines]

    def count(self) -> int:
        """Give how many messages it took so far."""
        return self._ledger.read_bytes().count(b"\n")

    def close(self) -> None:
        """End the process and forget everything."""
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        if pipe_in is not None and pipe_out is not None:
            pipe_in.close()
            self._process.wait(30)
            pipe_out.close()
        self._scratch.cleanup()

    def _ask(self, **request: Any) -> Any:
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None and pipe_out is not None
        pipe_in.write(json.dumps(request) + "\n")
        pipe_in.flush()
        answer = json.loads(pipe_out.readline() or '{"error": "the customer ended"}')
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["value"]


def _from_json(value: dict[str, Any]) -> Taken:
    value["recipients"] = tuple(value["recipients"])
    value["mail_parameters"] = tuple(value["mail_parameters"])
    return Taken(**value)


# The other end


class LedgerHop(ScriptedNextHop):
    """A next hop that writes down what it takes, instead of keeping it.

    :ivar most: connections at once, at most.
    """

    def __init__(self, clock: Any, ledger: Path, *, keep: bool) -> None:
        ScriptedNextHop.__init__(self, clock)
        self.most = 0
        self._keep = keep
        self._file = ledger.open("a", buffering=1)

    def buildProtocol(self, addr: IAddress | None = None) -> NextHopSession:
        """Count one more connection."""
        session = ScriptedNextHop.buildProtocol(self, addr)
        self.most = max(self.most, self.open_connections)
        return session

    def progress(self) -> None:
        """Write what was taken; called with every decision, before its reply."""
        messages, self.messages = self.messages, []
        for message in messages:
            self._file.write(json.dumps(asdict(taken(message, keep=self._keep))) + "\n")
        self.refused.clear()
        ScriptedNextHop.progress(self)


class Steered(LineOnlyReceiver):
    """Does what the test says, one line at a time."""

    delimiter = b"\n"

    def __init__(self, hop: LedgerHop, stop: Any) -> None:
        self._hop = hop
        self._stop = stop

    def lineReceived(self, line: bytes) -> None:
        """Do one request and answer it once it is done."""
        doing = maybeDeferred(self._do, **json.loads(line))
        doing.addCallbacks(self._answer, self._fail)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The test is over."""
        self._stop()

    def _answer(self, value: object) -> None:
        self.sendLine(json.dumps({"value": value}).encode())

    def _fail(self, failure: Failure) -> None:
        self.sendLine(json.dumps({"error": failure.getTraceback()}).encode())

    def _do(self, do: str, **words: Any) -> Any:
        return getattr(self, f"_{do}")(**words)

    def _up(self) -> int:
        self._hop.up()
        return self._hop.port

    async def _down(self, how: str) -> None:
        """Go down without losing a reply to a message that was taken: that would be a duplicate of the customer's."""
        self._hop.end_connections(End.STALL)
        await deferLater(self._hop.clock, FAREWELL_SECONDS)
        await self._hop.down(End[how])

    def _on(self, step: str, act: ActSpec) -> None:
        self._hop.script.on(Step[step], _act(act))

    def _once(self, step: str, acts: Sequence[ActSpec]) -> None:
        self._hop.script.once(Step[step], *map(_act, acts))

    def _on_recipient(self, mailbox: str, act: ActSpec) -> None:
        self._hop.script.on_recipient(mailbox.encode("latin-1"), _act(act))

    def _clear(self, but: Mapping[str, ActSpec]) -> None:
        self._hop.script.clear()
        for mailbox, act in but.items():
            self._on_recipient(mailbox, act)

    def _times(self, step: str) -> int:
        return self._hop.script.times(Step[step])

    def _violations(self) -> list[str]:
        return self._hop.violations

    def _connections(self) -> int:
        return len(self._hop.connections)

    def _most_connections(self) -> int:
        return self._hop.most


def _act(spec: ActSpec) -> Act:
    words = dict(spec)
    kind = words.pop("kind")
    if "end" in words:
        words["end"] = End[words["end"]]
    if "repeated" in words:
        words["repeated"] = words["repeated"].encode("latin-1")
    made: Act = getattr(nexthop, kind)(**words)
    return made


def main(words: Sequence[str]) -> None:
    """Serve until standard input ends."""
    from twisted.internet import reactor

    the_reactor: Any = reactor
    hop = LedgerHop(the_reactor, Path(words[0]), keep=words[1] == "keep")
    hop.host = words[2]
    if words[3:]:
        hop.extensions = list(words[3:])
    StandardIO(Steered(hop, lambda: the_reactor.stop() if the_reactor.running else None))
    the_reactor.run()


if __name__ == "__main__":
    main(sys.argv[1:])
