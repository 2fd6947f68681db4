"""SPF: what the evaluation makes of policies, lawful and hostile (RFC 7208), and the pool that it runs in (R26)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.names import common, dns, error, server
from twisted.trial.unittest import SynchronousTestCase, TestCase

from shieldrelay.delivery.standing import Evidence
from shieldrelay.mail.address import parse_mailbox
from shieldrelay.mail.evidence import SpfResult
from shieldrelay.wire.spf import CHECK_SECONDS, Spf
from shieldrelay.wire.spf_evaluation import POLICY_OCTETS, RECORDS, TERM_OCTETS, LookUp, NameServers, evaluate

reactor: Any = the_reactor

WORDS = (
    "a mx ptr all include exists ip4 ip6 redirect exp default op : = / // %{ } % %{p} %{ir} %{d99r.} %{s}%{s} . .. "
    "192.0.2.1 b.example 33 129 2001:db8:: ::ffff:1.2.3.4 - ~ ? + = _ a.example \t \0"
)
"""What policies are made of, and what they are not."""

Records = Mapping[tuple[str, str], Sequence[Any] | Exception]


def evidence(
    sender: bytes = b"carol@a.example", address: str = "192.0.2.1", helo: str = "mail.a.example", *, utf8: bool = False
) -> Evidence:
    """Give what a session left."""
    return Evidence(parse_mailbox(sender, utf8=utf8), address, helo)


class Table:
    """A `LookUp` from a dictionary; an exception in it is raised.

    :ivar asked: every question, in order.
    """

    def __init__(self, records: Records) -> None:
        self.records = dict(records)
        self.asked: list[tuple[str, str]] = []

    def __call__(self, name: str, kind: str, seconds: float) -> Sequence[Any]:
        self.asked.append((name, kind))
        found = self.records.get((name, kind), ())
        if isinstance(found, Exception):
            raise found
        return found


def policies(**texts: str) -> dict[tuple[str, str], Sequence[Any] | Exception]:
    """Give the records of policies; the domain is the keyword and ``.example``."""
    return {(f"{name}.example", "TXT"): [(text.encode("latin-1"),)] for name, text in texts.items()}


NO_ANSWER = OSError("no name server answers")


class EvaluationTests(SynchronousTestCase):
    """`evaluate`, with DNS as a table."""

    def result(
        self, records: Records, given: Evidence | None = None, seconds_left: Callable[[], float] = lambda: 20.0
    ) -> str:
        """Evaluate; `asked` has the questions."""
        self.table = Table(records)
        return evaluate(given or evidence(), self.table, seconds_left).value

    def of(self, policy: str) -> str:
        """Evaluate one policy of ``a.example``."""
        return self.result(policies(a=policy))

    def test_every_result(self) -> None:
        """Pass, fail, softfail, neutral, none: each as the policy says."""
        for policy, result in (
            ("v=spf1 ip4:192.0.2.0/24 -all", "pass"),
            ("V=SPF1 +all", "pass"),
            ("v=spf1 ip4:198.51.100.1 -all", "fail"),
            ("v=spf1 ~all", "softfail"),
            ("v=spf1 ?all", "neutral"),
            ("v=spf1", "neutral"),
            ("v=spf10 +all", "none"),
            ("something else", "none"),
        ):
            self.assertEqual(self.of(policy), result, policy)
        self.assertEqual(self.result({}), "none")

    def test_mechanisms_that_ask(self) -> None:
        """The mechanisms a, mx, ptr, exists and include, and redirect, look where they should."""
        records: Records = {
            ("a.example", "A"): ["192.0.2.1"],
            ("a.example", "MX"): [(10, "m.a.example")],
            ("m.a.example", "A"): ["192.0.2.1"],
            ("1.2.0.192.in-addr.arpa", "PTR"): ["m.a.example"],
            ("carol.x.example", "A"): ["127.0.0.2"],
            **policies(b="v=spf1 ip4:192.0.2.1 -all"),
        }
        for term in ("a", "mx", "ptr", "exists:%{l}.x.example", "include:b.example", "redirect=b.example"):
            policy = f"v=spf1 {term}" if "=" in term else f"v=spf1 {term} -all"
            self.assertEqual(self.result({**records, **policies(a=policy)}), "pass", term)

    def test_ipv6(self) -> None:
        """A client with an IPv6 address is looked up by AAAA and ip6, its zone left out; a mapped one is IPv4."""
        records = {("a.example", "AAAA"): ["2001:db8::1"], **policies(a="v=spf1 a -all")}
        self.assertEqual(self.result(records, evidence(address="2001:db8::1")), "pass")
        self.assertEqual(self.result(records, evidence(address="2001:db8::2")), "fail")
        local = policies(a="v=spf1 ip6:fe80::/10 -all")
        self.assertEqual(self.result(local, evidence(address="fe80::1%eth0")), "pass")
        four = policies(a="v=spf1 ip4:192.0.2.1 -all")
        self.assertEqual(self.result(four, evidence(address="::ffff:192.0.2.1")), "pass")

    def test_permerror(self) -> None:
        """Syntax errors, two policies, an include of nothing, and what is not ASCII."""
        for policy in ("v=spf1 ip4:nonsense", "v=spf1 include:none.example", "v=spf1 what", "v=spf1 caf\xe9 +all"):
            self.assertEqual(self.of(policy), "permerror", policy)
        twice = {("a.example", "TXT"): [(b"v=spf1 +all",), (b"v=spf1 -all",)]}
        self.assertEqual(self.result(twice), "permerror")

    def test_temperror(self) -> None:
        """DNS that does not answer is temperror, wherever it happens, and never a pass."""
        self.assertEqual(self.result({("a.example", "TXT"): NO_ANSWER}), "temperror")
        self.assertEqual(
            self.result({**policies(a="v=spf1 a +all"), ("a.example", "A"): NO_ANSWER}),
            "temperror",
        )

    def test_loops(self) -> None:
        """Policies that include or redirect to each other end as permerror, after few questions."""
        for term in ("include:", "redirect="):
            records = policies(a=f"v=spf1 {term}b.example", b=f"v=spf1 {term}a.example")
            self.assertEqual(self.result(records), "permerror", term)
            self.assertLess(len(self.table.asked), 25)
        self.assertEqual(self.of("v=spf1 include:a.example"), "permerror")

    def test_more_than_ten_look_ups(self) -> None:
        """The eleventh term that asks DNS is a permerror; the tenth is not (RFC 7208 §4.6.4)."""
        hosts: Records = {(f"h{number}.example", "A"): ["198.51.100.1"] for number in range(12)}
        for count, result in ((10, "pass"), (11, "permerror")):
            terms = " ".join(f"a:h{number}.example" for number in range(count))
            self.assertEqual(self.result({**hosts, **policies(a=f"v=spf1 {terms} +all")}), result)

    def test_void_look_ups(self) -> None:
        """More than two names without records are a permerror (RFC 7208 §4.6.4)."""
        for count, result in ((2, "pass"), (3, "permerror")):
            terms = " ".join(f"a:h{number}.example" for number in range(count))
            self.assertEqual(self.of(f"v=spf1 {terms} +all"), result)

    def test_more_than_ten_exchangers(self) -> None:
        """An mx with eleven exchangers is a permerror."""
        many = {("a.example", "MX"): [(1, f"m{number}.example") for number in range(11)]}
        self.assertEqual(self.result({**policies(a="v=spf1 mx +all"), **many}), "permerror")

    def test_absurd_answers(self) -> None:
        """An answer of very many records is a permerror."""
        many = {("a.example", "A"): [f"198.51.100.{number}" for number in range(RECORDS + 1)]}
        self.assertEqual(self.result({**policies(a="v=spf1 a +all"), **many}), "permerror")

    def test_the_time_is_over(self) -> None:
        """When there is no time left nothing more is asked: temperror."""
        left = iter((5.0, 0.0))
        records = {**policies(a="v=spf1 a +all"), ("a.example", "A"): ["192.0.2.1"]}
        self.assertEqual(self.result(records, seconds_left=lambda: next(left)), "temperror")
        self.assertEqual(self.table.asked, [("a.example", "TXT")])

    def test_hostile_policies_cost_little(self) -> None:
        """Long policies and long terms are refused before pyspf's expressions see them: together within a second."""
        begun = time.process_time()
        for policy in (
            "v=spf1 a:." + "a" * 60000 + "!",
            "v=spf1 " + "a:." + "a" * (TERM_OCTETS + 1) + "!",
            "v=spf1 " + "ip4:192.0.2.2 " * (POLICY_OCTETS // 10),
            "v=spf1 a/" + "9" * 240,
            "v=spf1 " + " ".join("a:." + "a" * 240 + "!" for _ in range(16)),
        ):
            self.assertEqual(self.of(policy), "permerror", policy[:40])
        self.assertLess(time.process_time() - begun, 1.0)

    def test_other_text_records(self) -> None:
        """TXT records that are no policies are passed over, whatever they hold; strings of one record are joined."""
        texts = [(b"x" * 60000,), (b"\xff\x00",), (), (b"v=sp", b"f1 ip4:192.0.2.1", b" -all")]
        self.assertEqual(self.result({("a.example", "TXT"): texts}), "pass")

    def test_no_explanation_is_asked_for(self) -> None:
        """The modifier exp costs no question."""
        self.assertEqual(self.of("v=spf1 -all exp=why.evil.example"), "fail")
        self.assertEqual(self.table.asked, [("a.example", "TXT")])

    def test_a_quoted_at_sign(self) -> None:
        """The domain is what follows the last @: a quoted local-part leads nowhere else."""
        given = evidence(b'"x@evil.example"@a.example')
        self.assertEqual(self.result(policies(a="v=spf1 -all", evil="v=spf1 +all"), given), "fail")
        self.assertEqual(self.table.asked, [("a.example", "TXT")])

    def test_nothing_to_ask(self) -> None:
        """Address literals, single labels, and clients without an address are none, and nobody is asked."""
        for each in (
            evidence(b"c@[192.0.2.1]"),
            evidence(b"c@localhost"),
            evidence(address=""),
            evidence(address="list"),
        ):
            self.assertEqual(self.result({}, each), "none")
            self.assertEqual(self.table.asked, [])

    def test_internationalized(self) -> None:
        """The domain is asked for by its A-labels; a local-part that is not ASCII makes a name that does not exist."""
        given = evidence("ç@bücher.example".encode(), utf8=True)
        records = {("xn--bcher-kva.example", "TXT"): [(b"v=spf1 exists:%{l}.x.example -all",)]}
        self.assertEqual(self.result(records, given), "fail")
        self.assertEqual(self.table.asked, [("xn--bcher-kva.example", "TXT")])

    @settings(deadline=None, derandomize=True, max_examples=400)
    @given(st.lists(st.sampled_from([*WORDS.split(" "), " "]), max_size=14))
    def test_total(self, words: list[str]) -> None:
        """No policy raises."""
        records = {**policies(a="v=spf1 " + "".join(words), b="v=spf1 mx ?all"), ("b.example", "A"): ["192.0.2.1"]}
        self.assertIn(SpfResult(self.result(records)), SpfResult)


class PoolTests(TestCase):
    """`Spf`: threads, bounds, time."""

    def spf(self, look_up: LookUp, **bounds: Any) -> Spf:
        """Make one, and end its threads with the test."""
        spf = Spf(reactor, look_up=look_up, **bounds)
        self.addCleanup(spf.stop)
        return spf

    async def test_in_a_thread(self) -> None:
        """A check runs in a thread of its own and fires in the reactor's."""
        seen: list[str] = []

        def look_up(name: str, kind: str, seconds: float) -> Sequence[Any]:
            seen.append(threading.current_thread().name)
            return [(b"v=spf1 +all",)]

        self.assertIs(await self.spf(look_up).check(evidence()), SpfResult.PASS)
        self.assertEqual([name.rpartition("-")[0] for name in seen], ["spf"])

    async def test_full(self) -> None:
        """When all threads are busy and enough wait, the answer is temperror, at once; then there is room again."""
        gate = threading.Event()
        self.addCleanup(gate.set)

        def look_up(name: str, kind: str, seconds: float) -> Sequence[Any]:
            gate.wait(30)
            return [(b"v=spf1 +all",)]

        spf = self.spf(look_up, threads=1, waiting=1)
        running = [spf.check(evidence()), spf.check(evidence())]
        self.assertIs(self.successResultOf(spf.check(evidence())), SpfResult.TEMPERROR)
        gate.set()
        self.assertEqual([await each for each in running], [SpfResult.PASS] * 2)
        self.assertIs(await spf.check(evidence()), SpfResult.PASS)

    async def test_late(self) -> None:
        """A check whose time is over is temperror, and one that waited for a thread all the time does not begin."""
        gate, begun, asked = threading.Event(), threading.Event(), []
        clock = ThreadedClock()

        def look_up(name: str, kind: str, seconds: float) -> Sequence[Any]:
            asked.append(name)
            begun.set()
            gate.wait(30)
            return [(b"v=spf1 +all",)]

        spf = Spf(clock, look_up=look_up, threads=1, waiting=5)
        running = [spf.check(evidence(b"c@%d.example" % number)) for number in range(3)]
        begun.wait(30)
        clock.advance(CHECK_SECONDS)
        self.assertEqual([self.successResultOf(each) for each in running], [SpfResult.TEMPERROR] * 3)
        gate.set()
        await spf.stop()
        self.assertEqual(asked, ["0.example"])

    async def test_a_bug_is_told(self) -> None:
        """An error of ours in a check fails it; it is not taken for a result."""

        def look_up(name: str, kind: str, seconds: float) -> Sequence[Any]:
            raise ZeroDivisionError

        await self.assertFailure(self.spf(look_up).check(evidence()), ZeroDivisionError)


class ThreadedClock(Clock):
    """A clock moved by hand, over the real reactor's threads."""

    def callFromThread(self, callable: Callable[..., Any], *args: Any, **kw: Any) -> None:
        """Call in the reactor's thread."""
        reactor.callFromThread(callable, *args, **kw)


class Zone(common.ResolverBase):
    """A name server's records; a name with an exception fails with it, one that is not there does not exist."""

    def __init__(self, records: Mapping[str, Sequence[Any] | Exception]) -> None:
        super().__init__()
        self._records = records

    def _lookup(self, name: bytes, cls: int, type: int, timeout: object) -> Deferred[Any]:
        found = self._records.get(name.decode("ascii").lower())
        if found is None:
            return fail(error.DNSNameError())
        if isinstance(found, Exception):
            return fail(found)
        chosen = [dns.RRHeader(name, one.TYPE, ttl=60, payload=one) for one in found if type == one.TYPE]
        return succeed((chosen, [], []))


class ZoneServer(server.DNSServerFactory):
    """Says SERVFAIL where Twisted's says NXDOMAIN."""

    noisy = False

    def gotResolverError(self, failure: Any, protocol: Any, message: Any, address: Any) -> None:
        """Answer a failed look-up."""
        ill = failure.check(error.DNSServerError)
        self.sendReply(protocol, self._responseFromMessage(message, rCode=dns.ESERVER if ill else dns.ENAME), address)


class RealDnsTests(TestCase):
    """dnspython against a name server on the loopback interface."""

    def serve(self, **records: Sequence[Any] | Exception) -> Spf:
        """Serve records; the names are the keywords and ``.example``."""
        factory = ZoneServer(clients=[Zone({f"{name}.example": found for name, found in records.items()})])
        port = reactor.listenUDP(0, dns.DNSDatagramProtocol(factory), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        spf = Spf(reactor, [("127.0.0.1", port.getHost().port)])
        self.addCleanup(spf.stop)
        return spf

    async def test_real_questions(self) -> None:
        """Policies, exchangers and addresses come over UDP from the servers that were named; the result is right."""
        spf = self.serve(
            a=[dns.Record_TXT(b"v=spf1 ", b"mx -all"), dns.Record_TXT(b"other"), dns.Record_MX(5, "m.example")],
            m=[dns.Record_A("192.0.2.1", 60)],
            ill=error.DNSServerError(),
        )
        for each, result in (
            (evidence(), SpfResult.PASS),
            (evidence(address="192.0.2.2"), SpfResult.FAIL),
            (evidence(b"c@nowhere.example"), SpfResult.NONE),
            (evidence(b"c@m.example"), SpfResult.NONE),
            (evidence(b"c@ill.example"), SpfResult.TEMPERROR),
        ):
            self.assertIs(await spf.check(each), result, each)

    async def test_nobody_answers(self) -> None:
        """Silence is temperror: the server's port is bound, and nobody reads."""
        port = reactor.listenUDP(0, dns.DNSDatagramProtocol(Deaf()), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        names = NameServers([("127.0.0.1", port.getHost().port)])
        spf = Spf(reactor, look_up=lambda name, kind, seconds: names(name, kind, 0.2))
        self.addCleanup(spf.stop)
        self.assertIs(await spf.check(evidence()), SpfResult.TEMPERROR)

    def test_strange_names(self) -> None:
        """A name is asked for as it is: what looks like an escape or a quote is no syntax."""
        with self.assertRaises(OSError):
            NameServers([("127.0.0.1", 1)])('a\\046b".example', "A", 0.2)


class Deaf:
    """Takes every question and answers none."""

    def messageReceived(self, message: Any, protocol: Any, address: Any = None) -> None:
        """Do nothing."""
