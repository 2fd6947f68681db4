"""Claims about the shipped plugins, each against the real scanner."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from shieldrelay.content.answers import ACCEPT, Annotate, Lasting, Refuse
from shieldrelay.content.inspected import Inspected
from shieldrelay.content.loading import load, shipped_directory
from shieldrelay.content.plugin import Surroundings
from shieldrelay.content.terms import Configured
from shieldrelay.mail.address import parse_mailbox
from shieldrelay.ports import Content
from shieldrelay.scanners.line import ScannerFault
from shieldrelay.scanners.milter_packets import VERSION, packet, raw
from shieldrelay.spool.content import FileContent
from shieldrelay.spool.operations import FileOperations
from shieldrelay.testing.threads import ImmediateThreads
from tests.capabilities import possible
from tests.content.checks import a_message
from tests.scanners.servers import EICAR, GTUBE, Clamd, Conduct, OpenDkim, Rspamd

HEADER = (
    b"Received: by relay.test\r\nFrom: carol@elsewhere.test\r\nTo: bob@example.test\r\nSubject: hello\r\n"
    b"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@elsewhere.test>\r\n"
)
AGREED = raw(b"O", b"".join(number.to_bytes(4, "big") for number in (VERSION, 1, 0)))
"""A milter that wants to be told everything."""
LETTER = HEADER + b"\r\nHow are you?\r\n"


class ScannerCase(TestCase):
    """A test with scanners of its own."""

    timeout = 120

    def started(self, scanner: Any) -> Any:
        """Start a scanner, for this test."""
        self.addCleanup(scanner.close)
        scanner.start()
        return scanner

    def check(self, name: str, settings: Mapping[str, object]) -> Any:
        """Load a shipped plugin."""
        loaded = load([Configured(name, settings=settings)], [shipped_directory()], Surroundings(reactor, "relay.test"))
        self.assertEqual(loaded.faults, ())
        return loaded.checks[0].check

    def in_file(self, octets: bytes) -> Content:
        """Put a content on the disk."""
        path = Path(self.mktemp())
        path.write_bytes(octets)
        return FileContent(
            str(path), 0, len(octets), ascii_header=True, threads=ImmediateThreads(), operations=FileOperations()
        )


def well_known(*blocks: bytes) -> Inspected:
    """Make a message of a client whose name is sure."""
    return evolve(a_message(*blocks), name="mail.elsewhere.test", helo="mail.elsewhere.test")


def attached(octets: bytes) -> bytes:
    """Make a letter with an attachment in base64."""
    return (
        HEADER
        + b'MIME-Version: 1.0\r\nContent-Type: application/octet-stream; name="x.com"\r\n'
        + b"Content-Transfer-Encoding: base64\r\n\r\n"
        + b64encode(octets)
        + b"\r\n"
    )


@possible("clamd", "root")
class ClamavTests(ScannerCase):
    async def test_malware_is_refused(self):
        """What clamd finds is refused for good, by its name, also inside base64 and from the disk; else it passes."""
        clamd = self.started(Clamd())
        check = self.check("clamav", {"server": clamd.server})
        for content in (a_message(attached(EICAR)), a_message(content=self.in_file(attached(EICAR)))):
            answer = await check.check(content)
            self.assertEqual((type(answer), answer.lasting), (Refuse, Lasting.PERMANENT))
            self.assertIn("Test.Eicar", answer.text)
        self.assertEqual(await check.check(a_message(LETTER)), ACCEPT)

    async def test_what_it_cannot_take_is_a_failure(self):
        """A message larger than clamd takes fails the check; one larger than the setting says is not scanned."""
        clamd = self.started(Clamd())
        large = a_message(LETTER, *[b"a" * 65534 + b"\r\n"] * 40)
        with self.assertRaises(Exception) as caught:
            await self.check("clamav", {"server": clamd.server}).check(large)
        self.assertIsInstance(caught.exception, ScannerFault)
        self.assertIs(self.check("clamav", {"server": clamd.server, "largest": 1_000_000}).check(large), ACCEPT)

    async def test_marks_when_told_so(self):
        """With ``mark``, clean messages get a field."""
        clamd = self.started(Clamd())
        answer = await self.check("clamav", {"server": clamd.server, "mark": True}).check(a_message(LETTER))
        self.assertEqual(answer.fields[0].encode(), b"X-Virus-Scanned: ClamAV at relay.test\r\n")


@possible("rspamd")
class RspamdTests(ScannerCase):
    async def test_spam_is_refused_and_marked(self):
        """GTUBE is refused, as rspamd wants; what it finds doubtful is marked; what is well-formed passes."""
        rspamd = self.started(Rspamd())
        check = self.check("rspamd", {"url": rspamd.url})
        refused = await check.check(a_message(HEADER, b"\r\n", GTUBE, b"\r\n"))
        self.assertEqual((type(refused), refused.lasting, refused.text), (Refuse, Lasting.PERMANENT, "Gtube pattern"))
        doubtful = await check.check(a_message(content=self.in_file(b"Subject: x\r\n\r\nhello\r\n")))
        self.assertIsInstance(doubtful, Annotate)
        fields = {field.name: field.value for field in doubtful.fields}
        self.assertEqual(fields["X-Spam"], "Yes")
        self.assertRegex(fields["X-Spam-Status"], r"Yes, add header, score [0-9.]+ of 15\.0 .*MISSING_MID\(2\.5\)")
        self.assertEqual(await check.check(well_known(LETTER)), ACCEPT)
        always = self.check("rspamd", {"url": rspamd.url, "mark": "always"})
        (field,) = (await always.check(well_known(LETTER))).fields
        self.assertIn("No, no action", field.value)

        milter = self.check("milter", {"server": f"127.0.0.1:{rspamd.milter_port}"})
        refused = await milter.check(a_message(HEADER, b"\r\n", GTUBE, b"\r\n"))
        self.assertEqual((type(refused), refused.text), (Refuse, "Gtube pattern"))
        marked = await milter.check(a_message(b"Subject: x\r\n\r\nhello\r\n"))
        self.assertEqual([field.encode() for field in marked.fields], [b"X-Spam: Yes\r\n"])
        self.assertEqual(await milter.check(well_known(LETTER)), ACCEPT)


@possible("opendkim")
class OpenDkimTests(ScannerCase):
    async def test_signatures_are_verified(self):
        """OpenDKIM finds a signature good that was made over the same octets, and says so; a change is found."""
        signed, record = self.signed()
        opendkim = self.started(OpenDkim(record))
        check = self.check("milter", {"server": opendkim.server})
        good = await check.check(a_message(signed))
        self.assertIn("dkim=pass", good.fields[0].value)
        bad = await check.check(a_message(signed.replace(b"How are", b"Who are")))
        self.assertIn("dkim=fail", bad.fields[0].value)

    def signed(self) -> tuple[bytes, str]:
        """Sign a letter with simple canonicalization, so that every blank counts; gives it and the key's record."""
        from cryptography.hazmat.primitives.asymmetric import rsa
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        from tests.scanners.signing import signature

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        letter = LETTER.replace(b"Subject: hello", b"Subject:  hello\r\n\t and   more")
        return signature(key, letter) + letter, f"v=DKIM1; k=rsa; p={b64encode(public).decode()}"


@possible("python3-milter")
class MilterTests(ScannerCase):
    """A milter over libmilter, the field's own implementation."""

    async def wished(self, wish: bytes, **settings: object) -> Any:
        milter: Any = self.started(Conduct())
        check = self.check("milter", {"server": milter.server, **settings})
        return await check.check(a_message(HEADER, b"X-Wish: " + wish + b"\r\n\r\nbody\r\n"))

    async def test_it_is_told_everything(self):
        """The milter hears connect, helo, mail, every rcpt, every field as it came, and the whole body."""
        milter: Any = self.started(Conduct())
        check = self.check("milter", {"server": milter.server})
        body = [b"a" * 65534 + b"\r\n"] * 3
        message = a_message(b"Subject:  folded\r\n\there\r\nX-Empty:\r\n\r", b"\n", *body)
        answer = await check.check(evolve(message, recipients=message.recipients * 2))
        self.assertEqual(
            milter.output().splitlines(),
            [
                "connect [192.0.2.1] ('192.0.2.1', 0)",
                "helo client.test",
                "mail <carol@elsewhere.test>",
                "rcpt <bob@example.test>",
                "rcpt <bob@example.test>",
                "field Subject ' folded\\n\\there'",
                "field X-Empty ''",
                "octets 196608 M1",
            ],
        )
        self.assertEqual(
            {field.encode() for field in answer.fields},
            {b"X-Seen: one\r\n", b"X-Seen: two folded\r\n", b"Subject: changed\r\n"},
        )

    async def test_a_refusal_is_passed_on(self):
        """A reply of the milter's own is said in its words; a refusal at MAIL, for now, is 451."""
        answer = await self.wished(b"reject")
        self.assertEqual((answer.lasting, answer.text), (Lasting.PERMANENT, "We do not want this"))
        milter: Any = self.started(Conduct())
        check = self.check("milter", {"server": milter.server})
        message = a_message(LETTER)
        asked = evolve(message, reverse_path=parse_mailbox(b"temporary@elsewhere.test"))
        self.assertIs((await check.check(asked)).lasting, Lasting.TEMPORARY)

    async def test_nothing_is_dropped_in_silence(self):
        """A message that the milter wants discarded is refused, so that its sender knows."""
        self.assertIsInstance(await self.wished(b"discard"), Refuse)

    async def test_quarantine_is_what_the_setting_says(self):
        """Marked by default; refused where the operator wants that."""
        answer = await self.wished(b"quarantine")
        self.assertIn(b"X-Quarantine: it looks odd\r\n", [field.encode() for field in answer.fields])
        self.assertIsInstance(await self.wished(b"quarantine", quarantine="refuse"), Refuse)

    async def test_what_we_cannot_do_is_a_failure(self):
        """A milter that replaces bodies all the same fails the check; nothing is done by half."""
        with self.assertRaises(Exception) as caught:
            await self.spoken(AGREED, *[raw(b"c")] * 13, raw(b"b", b"something else"), raw(b"a"))
        self.assertIsInstance(caught.exception, ScannerFault)

    async def test_nonsense_is_a_failure(self):
        """A milter that does not negotiate, speaks too long, or closes early fails the check."""
        for said in ((b"220 hello\r\n",), (raw(b"a"),), (AGREED, b"\xff\xff\xff\xffa"), (AGREED, raw(b"4"))):
            with self.assertRaises(Exception) as caught:
                await self.spoken(*said)
            self.assertIsInstance(caught.exception, ScannerFault, said)

    async def test_a_refused_recipient_refuses_the_message(self):
        """There is one answer after the content, and it is for all of the recipients."""
        answer = await self.spoken(AGREED, *[raw(b"c")] * 3, packet(b"y", b"550 5.7.1 not for him"))
        self.assertEqual((type(answer), answer.text), (Refuse, "not for him"))

    async def spoken(self, *said: bytes) -> Any:
        """Give the answer that comes of a milter that says this, whatever it hears."""

        class Saying(Protocol):
            def connectionMade(self) -> None:
                transport: Any = self.transport
                transport.write(b"".join(said))
                transport.loseConnection()

        listening: Any = reactor
        port = listening.listenTCP(0, Factory.forProtocol(Saying), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return await self.check("milter", {"server": f"127.0.0.1:{port.getHost().port}"}).check(a_message(LETTER))

    async def test_a_hung_milter_can_be_cancelled(self):
        """Cancelling a question to a milter that hangs ends it, and its connection, at once."""
        milter: Any = self.started(Conduct())
        asked = self.check("milter", {"server": milter.server}).check(a_message(HEADER, b"X-Wish: hang\r\n\r\n"))
        inspected: list[Inspected] = []
        reactor.callLater(0.5, asked.cancel)
        with self.assertRaises(BaseException) as caught:
            await asked
        self.assertEqual((type(caught.exception).__name__, inspected), ("CancelledError", []))
