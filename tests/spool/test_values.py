"""Names, progress, and what the operating system reports, in our words."""

from __future__ import annotations

import errno

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.address import AddressFault, domain_key
from shieldrelay.mail.envelope import Precedence
from shieldrelay.mail.outcome import Fate
from shieldrelay.spool.faults import SpoolFull, SpoolUnavailable, is_our_trouble, unavailable
from shieldrelay.spool.name import NOTICES, Name, belongs_to, checked_part, is_part, parse_name, precedence_of
from shieldrelay.spool.progress import Progress, decode_progress, encode_progress


class NameTests(SynchronousTestCase):
    def test_a_name_is_taken_apart_as_it_was_put_together(self):
        """Arrival, id and size come back."""
        name = Name(1_700_000_000, "aB9", 4096)
        self.assertEqual(parse_name(str(name)), name)
        self.assertEqual(str(name), "1700000000.aB9,S=4096")
        self.assertTrue(belongs_to(str(name), "aB9"))
        self.assertFalse(belongs_to(str(name), "B9"))

    def test_a_name_says_who_goes_first(self):
        """The mark of known-good mail comes back, and is read without taking the name apart."""
        marked = Name(1_700_000_000, "aB9", 4096, Precedence.KNOWN_GOOD)
        self.assertEqual(str(marked), "1700000000.aB9,S=4096,P=1")
        self.assertEqual((parse_name(str(marked)), precedence_of(str(marked))), (marked, Precedence.KNOWN_GOOD))
        self.assertTrue(belongs_to(str(marked), "aB9"))
        self.assertIs(precedence_of("1700000000.aB9,S=4096"), Precedence.ORDINARY)
        self.assertIsNone(parse_name("1700000000.aB9,S=4096,P=2"))

    def test_whatever_is_not_exactly_ours_is_not_ours(self):
        """Foreign names, flags of mail readers and line ends are no names of ours."""
        for text in (
            "",
            "x",
            "1.a",
            "1.a,S=",
            "1.a,S=4:2,S",
            "1.a,S=4\n",
            ".1.a,S=4",
            "1.a/b,S=4",
            "1.,S=4",
            "١.a,S=4",
        ):
            self.assertIsNone(parse_name(text), text)

    def test_parts_are_comparison_forms_and_the_notices(self):
        """Names, A-labels and address literals are parts, and so is the reserved one."""
        for text in (
            "example.com",
            "lock",
            "new",
            "xn--bcher-kva.example",
            "[192.0.2.1]",
            "[ipv6:2001:db8::1]",
            NOTICES,
        ):
            self.assertEqual(checked_part(text), text)

    def test_nothing_that_leads_elsewhere_is_a_part(self):
        """Paths, dots, capitals and other reserved names are refused."""
        for text in (
            "",
            ".",
            "..",
            "a/b",
            "../a",
            "a..b",
            "/etc",
            "a\0",
            "A.example",
            "_lock",
            "_other",
            "[a/b]",
            "a\n",
            "-a",
        ):
            self.assertRaises(ValueError, checked_part, text)

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.from_regex(rb"[A-Za-z0-9\-._/\[\]:]{1,40}", fullmatch=True))
    def test_no_domain_is_called_as_what_is_reserved(self, octets):
        """A comparison form either is a part or holds a slash, and never begins with an underscore or a dot."""
        try:
            key = domain_key(octets)
        except AddressFault:
            return
        self.assertFalse(key.startswith(("_", ".")))
        self.assertTrue(is_part(key) or key.startswith("["))


class ProgressTests(SynchronousTestCase):
    def test_what_is_settled_is_not_waiting(self):
        """Transient outcomes settle nobody."""
        progress = Progress().settle({0: Fate.TAKEN, 1: Fate.TRANSIENT, 2: Fate.REFUSED})
        self.assertEqual(progress.waiting(4), (1, 3))

    def test_failures_are_counted_and_the_first_is_remembered(self):
        """Attempts, the last reason, and both times."""
        progress = Progress().failed(10.0, "it was down").failed(20.0, "it was full")
        self.assertEqual(progress, Progress({}, 2, "it was full", 10.0, 20.0))

    def test_transient_is_never_settled(self):
        """Neither is a recipient before the first."""
        self.assertRaises(ValueError, Progress, {0: Fate.TRANSIENT})
        self.assertRaises(ValueError, Progress, {-1: Fate.TAKEN})

    def test_a_sidecar_comes_back_and_any_part_of_it_does_not(self):
        """A torn sidecar counts as none."""
        progress = Progress({3: Fate.CONTENT_REFUSED}, 2, "ü\r\n", 10.0, 20.0)
        octets = encode_progress(progress)
        self.assertEqual(decode_progress(octets), progress)
        for length in range(len(octets) - 1):
            self.assertIsNone(decode_progress(octets[:length]))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(
        st.binary(max_size=200)
        | st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["version", "settled", "attempts", "reason", "first_failure", "last_attempt", "0"]),
                    inner,
                )
            ),
        ).map(lambda value: repr(value).replace("'", '"').replace("None", "null").encode())
    )
    def test_no_octets_raise(self, octets):
        """Whatever lies in a sidecar is a progress or none."""
        self.assertIsInstance(decode_progress(octets), Progress | None)

    def test_a_long_reason_is_clipped(self):
        """A sidecar stays small."""
        self.assertEqual(len(Progress(reason="x" * 5000).reason), 1000)


class FaultTests(SynchronousTestCase):
    def test_a_full_disk_is_told_apart(self):
        """No space and no quota are SpoolFull; anything else is SpoolUnavailable; both are OSErrors with the errno."""
        for number, kind in ((errno.ENOSPC, SpoolFull), (errno.EDQUOT, SpoolFull), (errno.EIO, SpoolUnavailable)):
            fault = unavailable(OSError(number, "words of the system", "/path"))
            self.assertIs(type(fault), kind)
            self.assertEqual(fault.errno, number)
            self.assertIn("/path", str(fault))
            self.assertNotIn("words of the system", str(fault))

    def test_an_error_without_number_is_still_told(self):
        """Nothing gets lost for want of an errno."""
        self.assertIsInstance(unavailable(OSError("short")), SpoolUnavailable)

    def test_our_own_trouble_is_not_the_files(self):
        """Too many open files says nothing about a message; an input/output error does."""
        self.assertTrue(is_our_trouble(OSError(errno.EMFILE, "")))
        self.assertFalse(is_our_trouble(OSError(errno.EIO, "")))
