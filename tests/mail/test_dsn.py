"""Notices: what they say, what they keep quiet, and that no value can break their form."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message as Parsed

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.address import NULL, AddressFault, Mailbox, parse_mailbox
from shieldrelay.mail.dsn import Action, NoticeStamp, ReportedRecipient, compose, notice_envelope, wants
from shieldrelay.mail.dsn_original import Original
from shieldrelay.mail.envelope import Body, Envelope, Message, Notify, Recipient
from shieldrelay.mail.reply import Reply

STAMP = NoticeStamp(id="N0t1ceId", composed=1_800_000_000.0, hostname="mx1.shield.example")
NO_MAILBOX = Reply(550, (5, 1, 1), ("user unknown at exchange01.corp.internal [10.1.2.3]",))
ORIGINAL = Original(b"Received: from client\r\nSubject: hi\r\nFrom: a@b\r\n\r\nThe body.\r\n", whole=True)
TOP_FIELDS = ["Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]


def a_message(
    sender: bytes = b"carol@elsewhere.example",
    *recipients: Recipient,
    smtputf8: bool = False,
    ret: bytes | None = None,
    envid: bytes | None = None,
) -> Message:
    """Give a message to bob, or to those named."""
    to = recipients or (Recipient(parse_mailbox(b"bob@example.test")),)
    envelope = Envelope(parse_mailbox(sender, utf8=smtputf8), to, smtputf8=smtputf8, ret=ret, envid=envid)
    return Message(id="M1", arrived=1_799_990_000.0, domain="example.test", envelope=envelope)


def refused(message: Message, reply: Reply | None = NO_MAILBOX) -> list[ReportedRecipient]:
    """Report all of a message's recipients as failed."""
    return [ReportedRecipient(one, Action.FAILED, reply) for one in message.envelope.recipients]


def notice(message: Message, original: Original = ORIGINAL, reply: Reply | None = NO_MAILBOX) -> bytes:
    """Compose the notice that all recipients failed."""
    return compose(message, refused(message, reply), original, STAMP)


def parts(octets: bytes) -> list[Parsed]:
    """Parse a notice as its addressee would and give its three parts."""
    payload = message_from_bytes(octets).get_payload()
    assert isinstance(payload, list)
    return payload  # type: ignore[return-value]


def status_blocks(octets: bytes) -> list[Parsed]:
    """Give the blocks of fields of the delivery-status part."""
    blocks = parts(octets)[1].get_payload()
    assert isinstance(blocks, list)
    return blocks  # type: ignore[return-value]


class FormTests(SynchronousTestCase):
    """What a program reads."""

    def test_is_a_report(self) -> None:
        """A notice is a multipart/report of delivery-status with exactly three parts and the declared fields."""
        parsed = message_from_bytes(notice(a_message()))
        self.assertEqual(parsed.keys(), TOP_FIELDS)
        self.assertEqual(parsed.get_content_type(), "multipart/report")
        self.assertEqual(parsed.get_param("report-type"), "delivery-status")
        kinds = [part.get_content_type() for part in parts(notice(a_message()))]
        self.assertEqual(kinds, ["text/plain", "message/delivery-status", "text/rfc822-headers"])

    def test_addresses(self) -> None:
        """It is from our MAILER-DAEMON to the reverse-path, says that a machine wrote it, and travels from <>."""
        octets = notice(a_message())
        parsed = message_from_bytes(octets)
        self.assertEqual(parsed["From"], "Mail delivery <MAILER-DAEMON@mx1.shield.example>")
        self.assertEqual(parsed["To"], "<carol@elsewhere.example>")
        self.assertEqual(parsed["Auto-Submitted"], "auto-replied")
        self.assertEqual(parsed["Message-ID"], "<N0t1ceId@mx1.shield.example>")
        self.assertEqual(parsed["Date"], "Fri, 15 Jan 2027 08:00:00 +0000")
        envelope = notice_envelope(parse_mailbox(b"carol@elsewhere.example"), octets)
        self.assertEqual((envelope.reverse_path, envelope.body, envelope.smtputf8), (NULL, Body.SEVENBIT, False))

    def test_status_fields(self) -> None:
        """The message's and each recipient's fields carry what RFC 3464 asks for, decoded from xtext."""
        to = Recipient(parse_mailbox(b"bob@example.test"), orcpt=b"rfc822;Bob+2Blist@old.example")
        blocks = status_blocks(notice(a_message(b"carol@elsewhere.example", to, envid=b"QQ+3D7")))
        self.assertEqual(
            blocks[0].items(),
            [
                ("Reporting-MTA", "dns; mx1.shield.example"),
                ("Original-Envelope-Id", "QQ=7"),
                ("Arrival-Date", "Fri, 15 Jan 2027 05:13:20 +0000"),
            ],
        )
        self.assertEqual(
            blocks[1].items(),
            [
                ("Original-Recipient", "rfc822; Bob+list@old.example"),
                ("Final-Recipient", "rfc822; bob@example.test"),
                ("Action", "failed"),
                ("Status", "5.1.1"),
                ("Diagnostic-Code", "smtp; 550 5.1.1 There is no such mailbox."),
            ],
        )

    def test_every_recipient(self) -> None:
        """Each refused recipient has a block of its own, in order."""
        to = [Recipient(parse_mailbox(b"user%d@example.test" % number)) for number in range(100)]
        blocks = status_blocks(notice(a_message(b"carol@elsewhere.example", *to)))
        names = [block["Final-Recipient"] for block in blocks[1:]]
        self.assertEqual(names, [f"rfc822; user{number}@example.test" for number in range(100)])

    def test_expired(self) -> None:
        """A message whose time was over is reported with its last transient code, or 4.4.7 when there was none."""
        full = status_blocks(notice(a_message(), reply=Reply(452, (4, 2, 2), ("full",))))[1]
        self.assertEqual((full["Action"], full["Status"]), ("failed", "4.2.2"))
        self.assertIn("could not be delivered in the time", full["Diagnostic-Code"])
        silent = status_blocks(notice(a_message(), reply=None))[1]
        self.assertEqual((silent["Status"], silent["Diagnostic-Code"]), ("4.4.7", None))

    def test_relayed(self) -> None:
        """A confirmation says `relayed`, with status 2.1.9 and no diagnostic."""
        message = a_message()
        one = ReportedRecipient(message.envelope.recipients[0], Action.RELAYED, Reply(250, (2, 0, 0), ("ok",)))
        octets = compose(message, [one], ORIGINAL, STAMP)
        block = status_blocks(octets)[1]
        self.assertEqual((block["Action"], block["Status"], block["Diagnostic-Code"]), ("relayed", "2.1.9", None))
        self.assertEqual(message_from_bytes(octets)["Subject"], "Your message was passed on")

    def test_same_values_same_octets(self) -> None:
        """The same values give the same octets."""
        self.assertEqual(notice(a_message()), notice(a_message()))

    def test_needs_addressee(self) -> None:
        """The null reverse-path, or nobody to speak of, is a ValueError."""
        orphan = Message("M1", 0.0, "example.test", Envelope(NULL, a_message().envelope.recipients))
        self.assertRaises(ValueError, compose, orphan, refused(orphan), ORIGINAL, STAMP)
        self.assertRaises(ValueError, compose, a_message(), [], ORIGINAL, STAMP)


class WantsTests(SynchronousTestCase):
    """NOTIFY."""

    def test_notify(self) -> None:
        """Failures are wanted unless NOTIFY leaves them out; confirmations only when asked for."""
        bob = parse_mailbox(b"bob@example.test")
        rows = [
            (None, True, False),
            (frozenset({Notify.NEVER}), False, False),
            (frozenset({Notify.FAILURE}), True, False),
            (frozenset({Notify.SUCCESS}), False, True),
            (frozenset({Notify.SUCCESS, Notify.FAILURE, Notify.DELAY}), True, True),
        ]
        for notify, failure, success in rows:
            to = Recipient(bob, notify)
            self.assertEqual((wants(to, Action.FAILED), wants(to, Action.RELAYED)), (failure, success), notify)


class SilenceTests(SynchronousTestCase):
    """What a notice does not say."""

    def test_next_hop_stays_hidden(self) -> None:
        """Nothing of the next hop's words or name appears, and there is no Remote-MTA (R11)."""
        octets = notice(a_message())
        for word in (b"exchange01", b"10.1.2.3", b"user unknown", b"Remote-MTA"):
            self.assertNotIn(word, octets)

    def test_absurd_enhanced_code(self) -> None:
        """An enhanced code with numbers of more than three digits is reported as that of its class."""
        block = status_blocks(notice(a_message(), reply=Reply(550, (5, 1000, 99999999999), ("x",))))[1]
        self.assertEqual(block["Status"], "5.0.0")

    def test_hidden_line_ends(self) -> None:
        """An xtext that hides CRLF adds no field: the parameter is left out."""
        to = Recipient(parse_mailbox(b"bob@example.test"), orcpt=b"rfc822;x+0D+0AAction:+20delivered")
        blocks = status_blocks(notice(a_message(b"carol@elsewhere.example", to, envid=b"a+0D+0AX:+20y")))
        self.assertEqual(blocks[0].keys(), ["Reporting-MTA", "Arrival-Date"])
        self.assertEqual(blocks[1].keys(), ["Final-Recipient", "Action", "Status", "Diagnostic-Code"])

    def test_unlawful_values(self) -> None:
        """Line ends in a value, of ASCII or of Unicode, become question marks, even where no parser let them in."""
        ends = "a\r\nBcc: b\x85\u2028c".encode()
        forged = Mailbox(ends, b"e.example", "e.example")
        message = Message("M1", 0.0, "example.test", Envelope(forged, (Recipient(forged),), smtputf8=True))
        octets = notice(message)
        self.assertEqual(message_from_bytes(octets).keys(), TOP_FIELDS)
        self.assertIn(b"To: <a??Bcc: b??c@e.example>\r\n", octets)
        self.assertIn(b"Final-Recipient: utf-8; a??Bcc: b??c@e.example\r\n", octets)

    def test_quoted_local_part(self) -> None:
        """A reverse-path that looks like a field stays one value of To."""
        octets = notice(a_message(b'"x>, <victim@v.example>\\"Bcc: y"@elsewhere.example'))
        self.assertEqual(message_from_bytes(octets).keys(), TOP_FIELDS)


class OriginalTests(SynchronousTestCase):
    """What comes back of the original."""

    def returned(self, head: bytes, *, whole: bool = True, ret: bytes | None = None) -> Parsed:
        """Give the third part for an original."""
        return parts(notice(a_message(ret=ret), Original(head, whole)))[2]

    def test_header_only(self) -> None:
        """Without RET=FULL the header comes back and not a word of the body."""
        self.assertEqual(
            self.returned(ORIGINAL.head).get_payload(), "Received: from client\r\nSubject: hi\r\nFrom: a@b\r\n"
        )

    def test_full(self) -> None:
        """RET=FULL brings back a short lawful message, octet for octet."""
        part = self.returned(ORIGINAL.head, ret=b"FULL")
        self.assertEqual(part.get_content_type(), "message/rfc822")
        self.assertIn(ORIGINAL.head, notice(a_message(ret=b"FULL")))

    def test_full_is_bounded(self) -> None:
        """RET=FULL of a message that is longer, or not lawful to the letter, brings back its header."""
        doubtful = (b"A: b\r\n\r\n" + b"x" * 999 + b"\r\n", b"A: b\r\n\r\nbare\nline\r\n", b"A: b\r\n\r\nnul\0\r\n")
        for head in doubtful:
            self.assertEqual(self.returned(head, ret=b"FULL").get_payload(), "A: b\r\n")
        self.assertEqual(self.returned(b"A: b\r\n\r\nbody", whole=False, ret=b"FULL").get_payload(), "A: b\r\n")

    def test_endless_header(self) -> None:
        """Of a header that does not end within 64 KiB the complete lines come back."""
        head = (b"X: " + b"y" * 95 + b"\r\n") * 700
        octets = notice(a_message(), Original(head[:65536], whole=False))
        self.assertTrue(65000 < len(octets) < 67500, len(octets))

    def test_header_in_latin1(self) -> None:
        """A header that is not UTF-8 comes back in ASCII with question marks."""
        self.assertEqual(self.returned(b"Subject: caf\xe9\r\n\r\n").get_payload(), "Subject: caf?\r\n")

    def test_borrowed_boundary(self) -> None:
        """An original that contains our boundary does not end its part."""
        hostile = b"Subject: x\r\n--=_0_N0t1ceId--\r\n--=_1_N0t1ceId\r\n\r\n"
        octets = notice(a_message(), Original(hostile, whole=True))
        self.assertEqual(len(parts(octets)), 3)
        self.assertEqual(message_from_bytes(octets).get_boundary(), "=_2_N0t1ceId")


class InternationalTests(SynchronousTestCase):
    """SMTPUTF8 (RFC 6531, RFC 6533)."""

    def test_global_report(self) -> None:
        """A non-ASCII recipient is reported in a global part; an ASCII sender needs no SMTPUTF8."""
        to = Recipient(parse_mailbox("jürgen@example.test".encode(), utf8=True))
        octets = notice(a_message(b"carol@elsewhere.example", to, smtputf8=True))
        self.assertEqual(message_from_bytes(octets).get_param("report-type"), "global-delivery-status")
        self.assertIn("Final-Recipient: utf-8; jürgen@example.test\r\n".encode(), octets)
        envelope = notice_envelope(parse_mailbox(b"carol@elsewhere.example"), octets)
        self.assertEqual((envelope.body, envelope.smtputf8), (Body.EIGHTBITMIME, False))

    def test_global_addressee(self) -> None:
        """A notice to a non-ASCII reverse-path needs SMTPUTF8."""
        sender = "käthe@elsewhere.example".encode()
        octets = notice(a_message(sender, smtputf8=True))
        self.assertIn(b"To: <" + sender + b">\r\n", octets)
        self.assertTrue(notice_envelope(parse_mailbox(sender, utf8=True), octets).smtputf8)

    def test_global_headers(self) -> None:
        """A UTF-8 header comes back as message/global-headers, unharmed."""
        header = "Subject: grüße\r\n".encode()
        octets = notice(a_message(), Original(header + b"\r\nbody\r\n", whole=True))
        self.assertEqual(parts(octets)[2].get_content_type(), "message/global-headers")
        self.assertIn(header, octets)


LOCAL = st.one_of(
    st.binary(min_size=1, max_size=64),
    st.text(min_size=1, max_size=20).map(lambda text: ('"' + text + '"').encode("utf-8", "replace")),
    st.text('\r\n\0 :;<>@"\\.abc\x85\u2028é', min_size=1, max_size=60).map(lambda text: text.encode()),
)
XTEXT = st.one_of(st.none(), st.binary(max_size=80), st.text("+0D+0A:;rfc82abc \r\n", max_size=80).map(str.encode))
HEAD = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from(
            [b"\r\n", b"\n", b"\r", b"--", b"=_0_N0t1ceId", b"A: b", b"\0", b"\xff", b"x" * 1200, "é".encode()]
        )
    ).map(b"".join),
)


def mailbox_or_none(local: bytes) -> Mailbox | None:
    """Give the mailbox when the octets make a lawful one, as the receiver would."""
    try:
        return parse_mailbox(local + b"@example.test", utf8=True)
    except AddressFault:
        return None


class HostileTests(SynchronousTestCase):
    """Whatever senders choose."""

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(LOCAL, LOCAL, XTEXT, XTEXT, HEAD, st.booleans(), st.booleans())
    def test_form_holds(
        self, sender: bytes, to: bytes, orcpt: bytes | None, envid: bytes | None, head: bytes, full: bool, whole: bool
    ) -> None:
        """No address, parameter or original adds a field, a part or a block, or makes an unlawful line."""
        fallback = parse_mailbox(b"x@example.test")
        recipient = Recipient(mailbox_or_none(to) or fallback, orcpt=orcpt)
        envelope = Envelope(
            mailbox_or_none(sender) or fallback, (recipient,), smtputf8=True, ret=b"FULL" if full else None, envid=envid
        )
        octets = notice(Message("M1", 0.0, "example.test", envelope), Original(head, whole))
        for line in octets.split(b"\r\n"):
            self.assertTrue(len(line) <= 998 and b"\r" not in line and b"\n" not in line and b"\0" not in line, line)
        parsed = message_from_bytes(octets)
        self.assertEqual(parsed.keys(), TOP_FIELDS)
        self.assertEqual(len(parts(octets)), 3)
        expected = {"Original-Recipient", "Final-Recipient", "Action", "Status", "Diagnostic-Code"}
        report = octets.split(b"delivery-status\r\n", 1)[1].split(b"\r\n\r\n", 1)[1].split(b"\r\n--=_", 1)[0]
        blocks = report.removesuffix(b"\r\n").split(b"\r\n\r\n")
        self.assertEqual(len(blocks), 2)
        names = [line.split(b":", 1)[0].decode() for line in blocks[1].split(b"\r\n")]
        self.assertEqual(len(names), len(set(names)))
        self.assertLessEqual(set(names), expected)
