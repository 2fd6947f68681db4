"""A session with a next hop: opening, order, QUIT, and what is not asked for."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.outcome import Fate, ServerHealth
from shieldrelay.smtp.sender import Sender
from shieldrelay.smtp.sender_events import ReadyForMail, SenderEvent, SessionOver, TlsWanted, TransactionDone
from shieldrelay.smtp.sender_opening import Credentials, Terms, TlsWish
from shieldrelay.smtp.sender_phases import Phase
from tests.smtp.sender_dialogue import ENVELOPE, converse, events, ready

GREETING = b"220 mx.example ESMTP\r\n"


def opened(terms: Terms, *replies: bytes) -> tuple[Sender, list[bytes], list[SenderEvent]]:
    """Run an opening; give what we wrote after each reply."""
    sender = Sender(terms)
    wrote = converse(sender, *replies)
    return sender, wrote, events(sender)


class OpeningTests(SynchronousTestCase):
    """From the greeting to the first MAIL."""

    def test_ehlo_opens_the_session(self) -> None:
        """Greeting, EHLO with our name, ready; what is offered is known."""
        sender, wrote, told = opened(Terms("relay.example"), GREETING, b"250-mx\r\n250-SIZE 42\r\n250 PIPELINING\r\n")
        self.assertEqual(wrote, [b"EHLO relay.example\r\n", b""])
        self.assertEqual(told, [ReadyForMail()])
        self.assertEqual((sender.capabilities.size_limit, sender.capabilities.pipelining), (42, True))

    def test_helo_follows_a_server_without_extensions(self) -> None:
        """EHLO not understood: HELO, and nothing is offered."""
        for code in (b"500", b"501", b"502", b"504"):
            sender, wrote, told = opened(Terms("r"), GREETING, code + b" what\r\n", b"250 hello\r\n")
            self.assertEqual(wrote, [b"EHLO r\r\n", b"HELO r\r\n", b""])
            self.assertEqual(told, [ReadyForMail()])
            self.assertFalse(sender.capabilities.size)

    def test_refusals_in_the_opening_are_faults_of_the_server(self) -> None:
        """4yz and 5yz to greeting, EHLO, HELO, and 3yz where it means nothing, end the session (R5)."""
        for replies in (
            (b"554 no\r\n",),
            (b"421 busy\r\n",),
            (b"450 later\r\n",),
            (b"354 what\r\n",),
            (GREETING, b"550 no\r\n"),
            (GREETING, b"421 busy\r\n"),
            (GREETING, b"500 what\r\n", b"550 no\r\n"),
        ):
            sender, _wrote, told = opened(Terms("r"), *replies)
            self.assertIsInstance(told[0], SessionOver)
            self.assertEqual(sender.phase, Phase.CLOSED)
            self.assertIn(replies[-1][:3].decode(), told[0].reason)  # type: ignore[union-attr]

    def test_a_reply_ahead_of_our_command_is_a_fault(self) -> None:
        """A second reply beside the greeting cannot be the answer to an EHLO that was not written."""
        _sender, wrote, told = opened(Terms("r"), GREETING + b"250 mx\r\n")
        self.assertEqual(wrote, [b""])
        self.assertEqual(told, [SessionOver("a reply came that was not asked for", told[0].reply)])  # type: ignore[union-attr]

    def test_a_hostname_cannot_inject(self) -> None:
        """Terms with a control character or a non-ASCII name are not built."""
        self.assertRaises(ValueError, Terms, "r\r\nMAIL FROM:<>")
        self.assertRaises(ValueError, Terms, "é")


class TlsTests(SynchronousTestCase):
    """STARTTLS as an event."""

    OFFER = b"250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"

    def test_tls_is_begun_and_ehlo_repeated(self) -> None:
        """After the handshake nothing of the plaintext EHLO counts."""
        sender, wrote, told = opened(Terms("r", TlsWish.REQUIRED), GREETING, self.OFFER, b"220 go\r\n")
        self.assertEqual(wrote[1:], [b"STARTTLS\r\n", b""])
        self.assertEqual(told, [TlsWanted()])
        sender.tls_started()
        self.assertEqual(sender.output(), b"EHLO r\r\n")
        sender.feed(b"250 mx\r\n")
        self.assertEqual(events(sender), [ReadyForMail()])
        self.assertFalse(sender.capabilities.starttls)
        self.assertEqual(sender.capabilities.mechanisms, frozenset())

    def test_plaintext_behind_the_220_is_a_fault(self) -> None:
        """A reply, or the beginning of one, in the segment of STARTTLS's 220 is an injection."""
        for behind in (b"250 mx\r\n", b"250", b"\x16"):
            sender, _wrote, told = opened(
                Terms("r", TlsWish.WHEN_OFFERED), GREETING, self.OFFER, b"220 go\r\n" + behind
            )
            self.assertEqual([type(one) for one in told], [SessionOver])
            self.assertEqual(sender.phase, Phase.CLOSED)

    def test_plaintext_before_the_handshake_is_a_fault(self) -> None:
        """The same a segment later."""
        sender, _wrote, _told = opened(Terms("r", TlsWish.REQUIRED), GREETING, self.OFFER, b"220 go\r\n")
        sender.feed(b"250 mx\r\n")
        self.assertIsInstance(events(sender)[0], SessionOver)

    def test_not_offered(self) -> None:
        """Opportunistic goes on in plaintext, required is a fault, also when only HELO is understood (R10)."""
        for replies in ((GREETING, b"250 mx\r\n"), (GREETING, b"500 what\r\n", b"250 mx\r\n")):
            self.assertEqual(opened(Terms("r", TlsWish.WHEN_OFFERED), *replies)[2], [ReadyForMail()])
            over = opened(Terms("r", TlsWish.REQUIRED), *replies)[2][0]
            self.assertIn("not offered", over.reason)  # type: ignore[union-attr]

    def test_refused(self) -> None:
        """4yz lets an opportunistic policy go on in plaintext; 5yz is a fault whatever the policy (R5)."""
        for wish, code, may_go_on in (
            (TlsWish.WHEN_OFFERED, b"454", True),
            (TlsWish.REQUIRED, b"454", False),
            (TlsWish.WHEN_OFFERED, b"554", False),
        ):
            over = opened(Terms("r", wish), GREETING, self.OFFER, code + b" no\r\n")[2][0]
            self.assertEqual(over.tls_refused, may_go_on)  # type: ignore[union-attr]


class AuthTests(SynchronousTestCase):
    """AUTH when credentials are configured."""

    TERMS = Terms("r", credentials=Credentials("user", "secret"), plaintext_auth=True)

    def test_plain(self) -> None:
        """One step with initial response (RFC 4616)."""
        _sender, wrote, told = opened(self.TERMS, GREETING, b"250-mx\r\n250 AUTH LOGIN PLAIN\r\n", b"235 2.7.0 ok\r\n")
        self.assertEqual(wrote[1], b"AUTH PLAIN AHVzZXIAc2VjcmV0\r\n")
        self.assertEqual(told, [ReadyForMail()])

    def test_login(self) -> None:
        """Name and password each on demand; the old spelling of the keyword is understood."""
        replies = (
            GREETING,
            b"250-mx\r\n250 AUTH=LOGIN\r\n",
            b"334 VXNlcm5hbWU6\r\n",
            b"334 UGFzc3dvcmQ6\r\n",
            b"235 ok\r\n",
        )
        _sender, wrote, told = opened(self.TERMS, *replies)
        self.assertEqual(wrote[1:4], [b"AUTH LOGIN\r\n", b"dXNlcg==\r\n", b"c2VjcmV0\r\n"])
        self.assertEqual(told, [ReadyForMail()])

    def test_faults(self) -> None:
        """Refused, not offered, asking for ever, or accepted half way: a fault of the server."""
        login = (GREETING, b"250-mx\r\n250 AUTH LOGIN\r\n")
        for replies in (
            (GREETING, b"250 mx\r\n"),
            (GREETING, b"250-mx\r\n250 AUTH GSSAPI\r\n"),
            (*login, b"535 5.7.8 no\r\n"),
            (*login, b"235 ok\r\n"),
            (*login, b"334 a\r\n", b"334 b\r\n", b"334 c\r\n"),
        ):
            self.assertEqual([type(one) for one in opened(self.TERMS, *replies)[2]], [SessionOver])

    def test_never_in_plaintext_unless_set(self) -> None:
        """Without TLS the password stays with us, also in what is printed."""
        terms = Terms("r", credentials=Credentials("user", "secret"))
        _sender, wrote, told = opened(terms, GREETING, b"250-mx\r\n250 AUTH PLAIN\r\n")
        self.assertEqual(wrote[1], b"")
        self.assertIn("no TLS", told[0].reason)  # type: ignore[union-attr]
        self.assertNotIn("secret", repr(terms))


class SessionTests(SynchronousTestCase):
    """Between and after transactions."""

    def test_quit(self) -> None:
        """QUIT is answered, and whatever the answer the session is over."""
        for answer in (b"221 bye\r\n", b"500 what\r\n"):
            sender = ready()
            sender.quit()
            self.assertEqual(sender.output(), b"QUIT\r\n")
            sender.feed(answer)
            self.assertEqual(events(sender), [SessionOver()])

    def test_idle_words_end_the_session(self) -> None:
        """421 while idle is a leave-taking, everything else is nonsense; neither touches a message."""
        for words in (b"421 4.3.2 shutting down\r\n", b"250 hello?\r\n", b"garbage\r\n"):
            sender = ready()
            sender.feed(words)
            told = events(sender)
            self.assertEqual([type(one) for one in told], [SessionOver])

    def test_a_lost_session_is_told_once(self) -> None:
        """After the end nothing more is told, whatever comes."""
        sender = ready()
        sender.give_up("the connection was lost")
        sender.give_up("the connection was lost")
        sender.feed(b"250 x\r\n")
        self.assertEqual(events(sender), [SessionOver("the connection was lost")])

    def test_a_reused_session_that_says_nothing_is_stale(self) -> None:
        """Lost, or 421, before a reply to the second MAIL: no judgement on the server (R6)."""
        for end in (b"421 idle too long\r\n", b""):
            sender = ready()
            converse(sender, begin=True)
            converse(sender, b"250 a\r\n250 b\r\n354 c\r\n", b"250 taken\r\n", content=b"x\r\n")
            events(sender)
            sender.begin(ENVELOPE, ENVELOPE.recipients, 3)
            sender.output()
            if end:
                sender.feed(end)
            else:
                sender.give_up("the connection was lost")
            done = events(sender)[0]
            assert isinstance(done, TransactionDone)
            self.assertEqual((done.health, done.outcomes[0].fate), (ServerHealth.STALE, Fate.TRANSIENT))
