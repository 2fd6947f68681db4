"""Arriving Authentication-Results under our name are renamed, and nothing else changes (R24, RFC 8601 §5)."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.authentication_renaming import LOOKED_AT, RENAMED, Renaming

OURS = frozenset({"mx1.shield.example"})
NAME = b"Authentication-Results"

CLAIMS = (
    b"Authentication-Results: mx1.shield.example; spf=pass",
    b"AUTHENTICATION-results:MX1.Shield.Example;spf=pass",
    b"Authentication-Results : mx1.shield.example; none",
    b"Authentication-Results:\r\n\tmx1.shield.example;\r\n\tspf=pass",
    b"Authentication-Results: (a (nested) comment\\)) mx1.shield.example 1; spf=pass",
    b'Authentication-Results: "mx1.shield.example"; spf=pass',
    b'Authentication-Results: "mx1.shi\\eld.example"; spf=pass',
    b"Authentication-Results: mx1.shield.example",
    b"Authentication-Results: mx1.shield.example(comment); spf=pass",
    b"Authentication-Results: mx1.shield.example/1; spf=pass",
    b"Authentication-Results: mx1.shield.example.; spf=pass",
    b"Authentication-Results: (" + b"x" * LOOKED_AT + b") mx1.shield.example; spf=pass",
    b"Authentication-Results: " + b"()" * 20 + b" somebody.example; spf=pass",
)
OTHERS = (
    b"Authentication-Results: mx.other.example; spf=pass",
    b"Authentication-Results: mx1.shield.example.evil.example; spf=pass",
    b"Authentication-Results: (mx1.shield.example) other.example; spf=pass",
    b"Authentication-Results: \xff\xfe; spf=pass",
    b"Authentication-Results-Original: mx1.shield.example; spf=pass",
    b"X-Authentication-Results: mx1.shield.example; spf=pass",
    b"ARC-Authentication-Results: i=1; mx1.shield.example; spf=pass",
    b"Subject: see\r\n Authentication-Results: mx1.shield.example; spf=pass",
    b"Authentication-Results spf=pass",
)
BODY = b"Authentication-Results: mx1.shield.example; spf=pass\r\n\r\nAuthentication-Results: mx1.shield.example\r\n"


def renamed(blocks: list[bytes]) -> bytes:
    """Give what comes out of blocks."""
    renaming = Renaming(OURS)
    return b"".join([*map(renaming.feed, blocks), renaming.finish()])


def cut(text: bytes, size: int) -> list[bytes]:
    """Cut a text into blocks."""
    return [text[at : at + size] for at in range(0, len(text), size)]


class RenamingTests(SynchronousTestCase):
    """`Renaming`."""

    def test_our_name_is_taken_from_every_spelling_of_the_claim(self) -> None:
        """A field that could be read as ours is renamed, wherever in the header it stands."""
        for claim in CLAIMS:
            for before in (b"", b"From: a@b.example\r\n"):
                text = before + claim + b"\r\nTo: c@d.example\r\n\r\n" + BODY
                expected = before + RENAMED + claim[len(NAME) :] + b"\r\nTo: c@d.example\r\n\r\n" + BODY
                self.assertEqual(renamed([text]), expected, claim[:60])

    def test_all_else_goes_on_byte_for_byte(self) -> None:
        """Fields of others, other fields, folded lines and the body stay as they came."""
        for other in OTHERS:
            text = other + b"\r\nTo: c@d.example\r\n\r\n" + BODY
            self.assertEqual(renamed([text]), text, other)

    def test_the_length_never_changes(self) -> None:
        """The new name is as long as the old one."""
        self.assertEqual(len(RENAMED), len(NAME))

    def test_every_cut_gives_the_same(self) -> None:
        """Blocks of every size, and every cut in two, come to the same octets."""
        for field in (*CLAIMS[:-2], *OTHERS):
            text = b"From: x\r\n" + field + b"\r\nTo: y\r\n\r\nBody\r\n"
            whole = renamed([text])
            for size in range(1, 40):
                self.assertEqual(renamed(cut(text, size)), whole)
            for at in range(len(text)):
                self.assertEqual(renamed([text[:at], text[at:]]), whole)

    def test_the_header_may_end_with_the_message(self) -> None:
        """A message without a body, or that ends within a field, loses nothing."""
        short = (b"", b"\r\n", b"A: b\r\n", b"A: b\r\n\r", b"\r\n\r\n")
        for text in (*short, NAME, NAME + b":", NAME + b": mx1.shield.ex"):
            expected = text.replace(NAME, RENAMED) if text.startswith(NAME) else text
            self.assertEqual(renamed([text]), expected)
            self.assertEqual(renamed(cut(text, 1)), expected)

    def test_a_message_that_begins_with_an_empty_line_has_no_header(self) -> None:
        """What follows an empty first line is body."""
        text = b"\r\nAuthentication-Results: mx1.shield.example; spf=pass\r\n"
        self.assertEqual(renamed(cut(text, 1)), text)

    def test_little_is_held_back(self) -> None:
        """However long a field goes on without saying whose it is, little more than a KiB is held back at most."""
        renaming = Renaming(OURS)
        fed = given_out = most = 0
        for block in [b"Authentication-Results: ((", *[b"x" * 100] * 200]:
            fed += len(block)
            given_out += len(renaming.feed(block))
            most = max(most, fed - given_out)
        self.assertLess(most, LOOKED_AT + 200)

    def test_hostile_headers_cost_little(self) -> None:
        """A header of nothing but such fields is renamed in time that grows with its length only."""
        for odd in (b"((((", b"()" * 10, b"\\(" * 20, b'"' + b"\\x" * 20, b"(" + b"\\)" * 20):
            text = (b"Authentication-Results: " + odd + b"\r\n") * 1000
            began = time.process_time()
            renamed(cut(text + b"\r\n", 65536))
            self.assertLess(time.process_time() - began, 1.0, odd)

    def test_an_international_name_is_found_in_both_forms(self) -> None:
        """Our name in UTF-8 is our name."""
        renaming = Renaming({"xn--bcher-kva.example"})
        given_out = renaming.feed("Authentication-Results: bücher.example; none\r\n\r\n".encode())
        self.assertTrue(given_out.startswith(RENAMED))

    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(
        st.lists(
            st.sampled_from(
                [*CLAIMS[:3], b"\r\n", b"\r", b"\n", b"authentication-results", b":", b" ", b"(", b")", b'"', b"\\",
                 b";", b"mx1.shield.example", b"\xff", b"x", b"\t"]
            )
        ),
        st.lists(st.integers(1, 30)),
    )  # fmt: skip
    def test_no_octets_and_no_cuts_make_a_difference(self, pieces: list[bytes], sizes: list[int]) -> None:
        """Whatever comes in, in whatever blocks: the length is the same, only names change, and cuts do not show."""
        text = b"".join(pieces)
        whole = renamed([text])
        blocks, at = [], 0
        for size in sizes:
            blocks.append(text[at : at + size])
            at += size
        self.assertEqual(renamed([*blocks, text[at:]]), whole)
        self.assertEqual(whole.lower().replace(RENAMED.lower(), NAME.lower()), text.lower())
