"""Claims about sources: what cannot work is refused in words, what can comes into the child as it is."""

from __future__ import annotations

import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from shieldrelay.importer import answer, request
from shieldrelay.importer.answer import Failed, Fetched, Progress, Stage, Unchanged
from shieldrelay.importer.body import Body
from shieldrelay.importer.fault import FaultKind, ImportFault
from shieldrelay.importer.settings import (
    CsvSettings,
    Form,
    HttpsSettings,
    LdapSettings,
    Limits,
    Preset,
    SourceKind,
    SourceSettings,
)
from shieldrelay.recipients.settings import ListKind, ListSettings
from tests.importer.case import asking

_LDAP = LdapSettings(base="dc=test", preset=Preset.OPENLDAP)
_BOUND = LdapSettings(base="dc=test", preset=Preset.OPENLDAP, bind_dn="cn=r", password_file="/p")

_WORDS = ["fetched", "failed", "unchanged", "stage", "progress", "faults", "built", "kind", "path"]
_DOCUMENTS = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(_WORDS), each, max_size=4),
    max_leaves=8,
)


class SettingsTests(unittest.SynchronousTestCase):
    def test_sources_are_read(self) -> None:
        """Every sort of source is told by its beginning."""
        for text, kind, location in (
            ("file:/a b", SourceKind.FILE, "/a b"),
            ("csv:/a", SourceKind.CSV, "/a"),
            ("ldif:/a", SourceKind.LDIF, "/a"),
            ("ldaps://dc.test:3269", SourceKind.LDAPS, "ldaps://dc.test:3269"),
            ("https://x.test/list?a=b", SourceKind.HTTPS, "https://x.test/list?a=b"),
            ("http://[::1]:80/list", SourceKind.HTTPS, "http://[::1]:80/list"),
        ):
            source = SourceSettings.parse(text, ldap=_LDAP)
            self.assertEqual((source.kind, source.location, str(source)), (kind, location, text))

    def test_what_cannot_work_is_refused(self) -> None:
        """Settings that contradict each other or would give a secret away are refused in words."""
        for text, ldap, words in (
            ("gopher://x", _LDAP, "begins with file:"),
            ("file:relative", _LDAP, "begins with /"),
            ("http://x.test/", _LDAP, "loopback"),
            ("http://127.0.0.1.evil.test/", _LDAP, "loopback"),
            ("https://user:secret@x.test/", _LDAP, "do not belong"),
            ("https:///list", _LDAP, "no host"),
            ("https://x.test/a b", _LDAP, "escaped"),
            ("https://x.test:99999/", _LDAP, "malformed"),
            ("ldap://x.test/dc=test", _LDAP, "see base"),
            ("ldap://x.test", LdapSettings(preset=Preset.OPENLDAP), "needs a base"),
            ("ldap://x.test", LdapSettings(base="dc=test"), "needs attributes"),
            ("ldap://x.test", _BOUND, "in the clear"),
            ("ldaps://x.test", LdapSettings(base="dc=t", preset=Preset.OPENLDAP, start_tls=True), "start_tls is for"),
        ):
            fault = self.assertRaises(ValueError, SourceSettings.parse, text, ldap=ldap)
            self.assertIn(words, str(fault))
        self.assertTrue(SourceSettings.parse("ldaps://x.test", ldap=_BOUND))
        self.assertTrue(SourceSettings.parse("ldap://localhost", ldap=_BOUND))

    def test_parts_are_checked(self) -> None:
        """Each part refuses what cannot be meant."""
        for make in (
            lambda: CsvSettings(delimiter="ab"),
            lambda: CsvSettings(delimiter='"'),
            lambda: CsvSettings(column="mail", header=False),
            lambda: CsvSettings(column="0"),
            lambda: LdapSettings(bind_dn="cn=x"),
            lambda: LdapSettings(attributes=("mail)(x",)),
            lambda: LdapSettings(page_size=5000),
            lambda: HttpsSettings(user="u"),
            lambda: HttpsSettings(user="u:v", password_file="/p"),
            lambda: HttpsSettings(user="u", password_file="/p", token_file="/t"),
        ):
            self.assertRaises(ValueError, make)

    def test_header_follows_from_the_column(self) -> None:
        """A named column wants a header, a numbered one has none unless it is said."""
        heads = [each.skips_first for each in (CsvSettings(column="m"), CsvSettings(), CsvSettings(header=True))]
        self.assertEqual(heads, [True, False, True])


class DocumentTests(unittest.SynchronousTestCase):
    def test_requests_arrive(self) -> None:
        """A request comes out of its document as it went in."""
        source = SourceSettings.parse(
            "ldaps://x.test",
            csv=CsvSettings(column="m", flag_column="2"),
            ldap=_BOUND,
            https=HttpsSettings(form=Form.JSON_LINES),
            limits=Limits(entries=5),
        )
        listing = ListSettings(domain="example.test", kind=ListKind.FETCHED, separator="+")
        asked = asking(source, validator="v", known_digest="d", listing=listing, state="/state", note="n")
        self.assertEqual(request.decode(request.encode(asked, "/aside")), (asked, "/aside"))

    def test_answers_arrive(self) -> None:
        """An answer comes out of its line as it went in."""
        for told in (
            Progress(Stage.BUILDING, 7),
            Fetched(
                path="/a", entries=2, digest="d", validator="v", elsewhere=1, faults=("x",), fault_count=1, seconds=0.5
            ),
            Unchanged(validator="v", seconds=1.0),
            Failed(kind=FaultKind.DENIED, words="no"),
        ):
            self.assertEqual(answer.decode(answer.encode(told)), told)

    def test_exit_statuses_say_the_same(self) -> None:
        """Every fault has an exit status of its own sort, never success."""
        self.assertTrue(all(64 <= kind.exit_status <= 78 for kind in FaultKind))

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(_DOCUMENTS)
    def test_no_answer_raises(self, document) -> None:
        """Whatever a child says is an answer or a fault."""
        for decode in (answer.decode, request.decode):
            try:
                decode(json.dumps(document).encode())
            except ImportFault as fault:
                self.assertIn(fault.kind, (FaultKind.BUG, FaultKind.REQUEST))


class BodyTests(unittest.SynchronousTestCase):
    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.binary(max_size=200), st.sampled_from([b"", b"gzip"]), st.integers(1, 50))
    def test_no_body_raises(self, octets, coding, step) -> None:
        """Whatever octets come, they are written or refused; without a coding they are written as they are."""
        file = io.BytesIO()
        body = Body(coding, file, 150)
        try:
            for start in range(0, len(octets), step):
                body.feed(octets[start : start + step])
            body.end()
        except ImportFault:
            self.assertTrue(coding or len(octets) > 150)
        else:
            self.assertTrue(coding or file.getvalue() == octets)
