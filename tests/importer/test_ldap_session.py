"""Claims about a search of a directory, without one: octets in, octets out."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from shieldrelay.importer import ber
from shieldrelay.importer.fault import FaultKind, ImportFault
from shieldrelay.importer.ldap_filter import encoded_filter
from shieldrelay.importer.ldap_messages import PAGED_RESULTS, Entry
from shieldrelay.importer.ldap_session import EMPTY_PAGES, LdapSession, Phase
from shieldrelay.importer.settings import LdapSettings, Preset


def message(identifier: int, tag: int, *parts: bytes, controls: bytes = b"") -> bytes:
    """Encode an answer."""
    return ber.encoded(ber.SEQUENCE, ber.integer(identifier), ber.encoded(tag, *parts), controls)


def entry(identifier: int, name: bytes, attribute: bytes, *values: bytes) -> bytes:
    """Encode an entry with one attribute."""
    held = ber.encoded(ber.SEQUENCE, ber.octets(attribute), ber.encoded(ber.SET, *map(ber.octets, values)))
    return message(identifier, 0x64, ber.octets(name), ber.encoded(ber.SEQUENCE, held))


def result(code: int, words: bytes = b"") -> tuple[bytes, ...]:
    """Encode the parts of a result."""
    return ber.integer(code, ber.ENUMERATED), ber.octets(b""), ber.octets(words)


def done(identifier: int, cookie: bytes | None, code: int = 0) -> bytes:
    """Encode the end of a page."""
    if cookie is None:
        return message(identifier, 0x65, *result(code))
    value = ber.encoded(ber.SEQUENCE, ber.integer(0), ber.octets(cookie))
    control = ber.encoded(ber.SEQUENCE, ber.octets(PAGED_RESULTS), ber.octets(value))
    return message(identifier, 0x65, *result(code), controls=ber.encoded(0xA0, control))


class SessionTests(unittest.SynchronousTestCase):
    def session(self, **more) -> LdapSession:
        self.taken: list[Entry] = []
        settings = LdapSettings(**{"base": "dc=test", "preset": Preset.OPENLDAP, **more})
        session = LdapSession(settings, b"secret" if settings.bind_dn else b"", self.taken.append)
        session.begin()
        return session

    def refused(self, kind: FaultKind, words: str, session: LdapSession, *answers: bytes) -> None:
        fault = self.assertRaises(ImportFault, session.feed, b"".join(answers))
        self.assertIn(words, fault.words)
        self.assertIs(fault.kind, kind)

    def test_pages_follow(self) -> None:
        """Each page is asked for with the last one's cookie, until there is none; then goodbye is said."""
        session = self.session()
        self.assertNotIn(b"cookie", session.output())
        session.feed(entry(1, b"cn=a", b"mail", b"a") + done(1, b"cookie"))
        self.assertIn(b"cookie", session.output())
        session.feed(entry(2, b"cn=b", b"mail", b"b") + done(2, b""))
        self.assertEqual(session.output(), ber.encoded(ber.SEQUENCE, ber.integer(3), ber.encoded(0x42)))
        self.assertIs(session.phase, Phase.OVER)
        self.assertEqual([each.name for each in self.taken], [b"cn=a", b"cn=b"])

    def test_octets_may_come_in_any_pieces(self) -> None:
        """How the answers are cut into segments changes nothing."""
        session = self.session()
        for octet in entry(1, b"cn=a", b"mail", b"a" * 300) + done(1, b""):
            session.feed(bytes((octet,)))
        self.assertEqual(self.taken, [Entry(b"cn=a", ((b"mail", (b"a" * 300,)),))])

    def test_login_comes_after_tls(self) -> None:
        """With StartTLS nothing but StartTLS is said in the clear."""
        session = self.session(start_tls=True, bind_dn="cn=reader", password_file="/secret")
        self.assertNotIn(b"secret", session.output())
        session.feed(message(1, 0x78, *result(0)))
        self.assertEqual((session.phase, session.output()), (Phase.TLS, b""))
        session.secured()
        self.assertIn(b"secret", session.output())
        session.feed(message(2, 0x61, *result(0)))
        self.assertIs(session.phase, Phase.FOUND)

    def test_words_behind_start_tls_are_refused(self) -> None:
        """What came in the clear behind the answer to StartTLS is not read as if it came inside."""
        session = self.session(start_tls=True)
        self.refused(FaultKind.CERTIFICATE, "in the clear", session, message(1, 0x78, *result(0)), done(2, b""))

    def test_refused_tls_fails(self) -> None:
        """A server without StartTLS gets no login."""
        session = self.session(start_tls=True, bind_dn="cn=reader", password_file="/secret")
        self.refused(FaultKind.INCOMPLETE, "it cannot (result 2", session, message(1, 0x78, *result(2, b"no TLS")))
        self.assertNotIn(b"secret", session.output())

    def test_same_cookie_is_no_circle(self) -> None:
        """A server that gives the same cookie with every page (389 does) is read to its end."""
        session = self.session()
        for page in range(1, 5):
            session.feed(entry(page, b"cn=%d" % page, b"mail", b"a") + done(page, b"0" if page < 4 else b""))
        self.assertIs(session.phase, Phase.OVER)

    def test_a_circle_ends(self) -> None:
        """A server that gives the same page again, or pages with nothing on them for ever, is given up."""
        session = self.session()
        session.feed(entry(1, b"cn=a", b"mail", b"a") + done(1, b"x"))
        self.refused(FaultKind.INCOMPLETE, "same page again", session, entry(2, b"cn=a", b"mail", b"a"))
        session = self.session()
        for page in range(1, EMPTY_PAGES + 1):
            session.feed(done(page, b"%d" % page))
        self.refused(FaultKind.INCOMPLETE, "nothing in it", session, done(EMPTY_PAGES + 1, b"x"))

    def test_half_a_list_is_none(self) -> None:
        """A size limit, a referral, a reference, a server that does not page, or values given in part: no list."""
        for answer, words in (
            (done(1, b"", code=4), "its size limit was reached"),
            (done(1, b"", code=11), "its administrative limit"),
            (done(1, b"", code=3), "its time limit"),
            (done(1, b"", code=10), "refers to another server"),
            (message(1, 0x65, *result(0), ber.encoded(0xA3, ber.octets(b"ldap://x"))), "refers to another server"),
            (message(1, 0x73, ber.octets(b"ldap://other")), "refers to another server"),
            (done(1, None), "does not page"),
            (done(1, b"", code=80), "it cannot (result 80"),
            (entry(1, b"cn=a", b"proxyAddresses;range=0-1499", b"smtp:a"), "more values than are given"),
        ):
            self.refused(FaultKind.INCOMPLETE, words, self.session(), entry(1, b"cn=z", b"mail", b"z"), answer)

    def test_answers_out_of_turn_are_refused(self) -> None:
        """An answer to nothing, or of the wrong sort, ends the search."""
        self.refused(FaultKind.MALFORMED, "what was not asked", self.session(), done(7, b""))
        self.refused(FaultKind.MALFORMED, "out of turn", self.session(), message(1, 0x61, *result(0)))
        self.refused(FaultKind.UNREACHABLE, "hangs up", self.session(), message(0, 0x78, *result(52, b"going down")))

    def test_words_of_the_server_are_escaped(self) -> None:
        """What a server says is clipped, and can write nothing into a terminal."""
        fault = self.assertRaises(ImportFault, self.session().feed, message(1, 0x65, *result(1, b"\x1b[2J\n" * 100)))
        self.assertTrue(fault.words.isprintable())
        self.assertLess(len(fault.words), 301)

    def test_large_messages_are_refused(self) -> None:
        """A message beyond all bounds is refused by its length, before it came."""
        self.refused(FaultKind.TOO_LARGE, "beyond all bounds", self.session(), b"\x30\x84\x7f\xff\xff\xff")

    @settings(deadline=None, derandomize=True, max_examples=500)
    @given(st.data())
    def test_no_octets_raise(self, data) -> None:
        """Whatever a server says is taken or refused."""
        whole = entry(1, b"cn=a", b"mail", b"a", b"b") + done(1, b"x") + done(2, b"")
        start = data.draw(st.integers(0, len(whole)))
        octets = whole[:start] + data.draw(st.binary(max_size=12)) + whole[start + data.draw(st.integers(0, 4)) :]
        try:
            self.session().feed(octets)
        except ImportFault as fault:
            self.assertTrue(fault.words)


class FilterTests(unittest.SynchronousTestCase):
    def test_encoding(self) -> None:
        """Comparisons become what RFC 4511 wants."""
        self.assertEqual(encoded_filter("(mail=*)"), b"\x87\x04mail")
        self.assertEqual(encoded_filter("mail=*"), b"\x87\x04mail")
        self.assertEqual(encoded_filter("(cn=a\\2ab)"), b"\xa3\x09\x04\x02cn\x04\x03a*b")
        self.assertEqual(encoded_filter("(!(cn=a))"), b"\xa2\x09\xa3\x07\x04\x02cn\x04\x01a")
        self.assertEqual(encoded_filter("(cn=a*b*c)"), b"\xa4\x0f\x04\x02cn\x30\x09\x80\x01a\x81\x01b\x82\x01c")
        self.assertEqual(encoded_filter("(a:1.2:=x)"), b"\xa9\x0b\x81\x031.2\x82\x01a\x83\x01x")
        self.assertEqual(encoded_filter("(&(a=1)(b>=2))")[:2], b"\xa0\x10")

    def test_faults_are_told(self) -> None:
        """A filter that is none is refused with the place."""
        for text in ("(", "()", "(a)", "(a=1))", "(&)", "(!(a=1)(b=1))", "(a=\\zz)", "(=x)", "(" * 100, "(&" * 40, ""):
            self.assertRaises(ValueError, encoded_filter, text)

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(st.text(alphabet="()&|!=*<>~:\\2aé\0 ", max_size=30))
    def test_no_text_raises_otherwise(self, text) -> None:
        """Whatever is written is encoded, or is a ValueError."""
        try:
            self.assertTrue(encoded_filter(text))
        except ValueError as error:
            self.assertIn("the filter", str(error))
