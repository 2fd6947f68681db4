"""The structure of a content is counted as it streams by, however it is cut, and never for long (RFC 2046, R25)."""

from __future__ import annotations

from email.message import EmailMessage, Message
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP

from hypothesis import given, settings, strategies
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.smtp.mime_structure import PART_HEADER_OCTETS, MimeStructure, boundaries

LEAF = b"Content-Type: text/plain\r\n\r\ntext\r\n"
Tree = list["Tree"]


def counted(content: bytes, cut: int = 65536, *, depth: int = 50, parts: int = 1000) -> MimeStructure:
    """Count a content in blocks."""
    header, empty, body = content.partition(b"\r\n\r\n")
    structure = MimeStructure(header, depth=depth, parts=parts)
    body = empty[2:] + body
    for start in range(0, len(body), cut):
        if structure.open:
            structure.feed(body[start : start + cut])
    return structure


def seen(content: bytes, cut: int = 65536) -> tuple[int, int]:
    """Give parts and depth."""
    structure = counted(content, cut)
    return structure.parts, structure.depth


def multipart(boundary: bytes, *parts: bytes) -> bytes:
    """Build a multipart entity."""
    inner = b"".join(b"\r\n--%b\r\n%b" % (boundary, part) for part in parts)
    return b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\npreamble%b\r\n--%b--\r\n' % (boundary, inner, boundary)


def built(tree: Tree) -> Message:
    """Build a message of a tree, with Python's own library."""
    if not tree:
        return MIMEText("text\n--\n--x--\n")
    whole = MIMEMultipart()
    for branch in tree:
        whole.attach(built(branch))
    return whole


def nodes(tree: Tree) -> int:
    """Count the parts of a tree, itself not counted."""
    return sum(1 + nodes(branch) for branch in tree)


def height(tree: Tree) -> int:
    """Measure its depth."""
    return max((1 + height(branch) for branch in tree), default=0)


class CountTests(SynchronousTestCase):
    def test_plain_content_is_not_looked_at(self) -> None:
        """A content that is not multipart is closed from the start, whatever its body looks like."""
        for header in (b"Subject: x", b"Content-Type: text/plain; boundary", b"", b"X-Content-Type: a; boundary=b"):
            self.assertFalse(MimeStructure(header).open, header)

    def test_libraries_messages_are_counted(self) -> None:
        """A message with an alternative and an attachment has four parts; one within another is counted through."""
        message = EmailMessage(policy=SMTP)
        message.set_content("text")
        message.add_alternative("<p>html</p>", subtype="html")
        message.add_attachment(b"x" * 5000, maintype="application", subtype="pdf")
        self.assertEqual(seen(message.as_bytes()), (4, 2))
        outer = MIMEMultipart()
        outer.attach(MIMEMessage(message))
        self.assertEqual(seen(outer.as_bytes(policy=SMTP)), (5, 4))
        self.assertEqual(seen(MIMEMessage(message).as_bytes(policy=SMTP)), (4, 3))

    def test_forms_of_boundaries(self) -> None:
        """Quoted, bare, folded, in pieces, with quoted pairs, in any case: what a reader may take for one is one."""
        for value, expected in (
            (b'multipart/mixed; boundary="a b"', (b"a b",)),
            (b"multipart/mixed; charset=x; Boundary=ab;x=y", (b"ab",)),
            (b'multipart/mixed;\r\n\tboundary =\r\n "a:b"', (b"a:b",)),
            (b'multipart/mixed; boundary="a\\"b"', (b'a"b',)),
            (b'multipart/mixed; boundary*0="ab"; boundary*1=cd', (b"abcd",)),
            (b"multipart/mixed; boundary=a; boundary=b", (b"a", b"b")),
            (b'multipart/mixed; boundary=""', ()),
            (b"multipart/mixed", ()),
            (b'multipart/mixed; boundary="' + b"x" * 500 + b'"', (b"x" * 256,)),
        ):
            self.assertEqual(boundaries(b"A: b\r\nCONTENT-type : " + value + b"\r\nC: d"), (expected, False), value)
        both = b"Content-Type: multipart/a; boundary=x\r\nContent-Type: multipart/a; boundary=y"
        self.assertEqual(boundaries(both), ((b"x", b"y"), False))
        self.assertEqual(boundaries(b"Content-Type:message/RFC822"), ((), True))

    def test_malformed_content_is_counted(self) -> None:
        """Parts without a header, without an end, behind the end, and lines that only begin with a delimiter count."""
        self.assertEqual(seen(multipart(b"b", b"\r\nx", b"\r\n", b"")), (3, 1))
        self.assertEqual(seen(b"Content-Type: a/b; boundary=b\r\n\r\n--b\r\n\r\nx"), (1, 1))
        self.assertEqual(seen(multipart(b"b", LEAF) + b"--b\r\n" + LEAF), (2, 1))
        self.assertEqual(seen(b"Content-Type: a/b; boundary=b\r\n\r\n--bcd\r\n\r\nx\r\n--b \t\r\n\r\n"), (2, 1))
        self.assertEqual(seen(b"Content-Type: a/b; boundary=b\r\n\r\n--b\r\nA: b\r\n--b\r\nA: b\r\n--b--"), (2, 1))
        self.assertEqual(seen(multipart(b"b", multipart(b"c", LEAF).replace(b"--c--", b""), LEAF)), (3, 2))

    def test_a_header_without_end_ends(self) -> None:
        """A part's header over the limit is read as having ended there, wherever the blocks are cut."""
        name = b"Content-Type: a/b; boundary=c\r\n"
        for filler, expected in ((100, (2, 2)), (PART_HEADER_OCTETS, (1, 1))):
            content = multipart(b"b", b"A: %b\r\n%b\r\n--c\r\n\r\nx" % (b"x" * filler, name))
            self.assertEqual({seen(content, cut) for cut in (999, 65536, 1 << 20)}, {expected})

    def test_limits_end_it(self) -> None:
        """One part or one level over the limit is found, nothing is looked at behind it, and nothing is kept."""
        content = multipart(b"b", *[LEAF] * 1000)
        self.assertEqual((counted(content).parts, counted(content).too_many), (1000, False))
        over = counted(multipart(b"b", *[LEAF] * 5000))
        self.assertEqual((over.parts, over.too_many, over.open), (1001, True, False))
        for levels in (50, 51, 500):
            nested = LEAF
            for number in range(levels):
                nested = multipart(b"b%d." % number, nested)
            self.assertEqual(counted(nested).too_deep, levels > 50)
            self.assertLessEqual(counted(nested).depth, 51)
        messages = b"Content-Type: message/rfc822\r\n\r\n" * 500 + b"\r\nx"
        self.assertEqual((counted(messages).depth, counted(messages).too_deep), (51, True))

    def test_ends_are_limited_too(self) -> None:
        """A multipart that ends again and again does not keep us busy."""
        ends = counted(b"Content-Type: a/b; boundary=b\r\n\r\n" + b"\r\n--b--" * 100_000)
        self.assertEqual((ends.parts, ends.too_many, ends.open), (0, True, False))

    @settings(deadline=None, derandomize=True, max_examples=60)
    @given(
        strategies.recursive(strategies.just([]), lambda inner: strategies.lists(inner, max_size=3), max_leaves=12),
        strategies.integers(1, 300),
    )
    def test_trees_are_counted_as_python_builds_them(self, tree: Tree, cut: int) -> None:
        """Any tree of parts has its parts and its depth, in blocks of any size."""
        content = built(tree).as_bytes(policy=SMTP)
        self.assertEqual(seen(content, cut), (nodes(tree), height(tree)))

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(
        strategies.lists(strategies.sampled_from(
            [b"\r\n", b"--b", b"--bc", b"--", b"\r\n\r\n", b"Content-Type: a/b; boundary=bc", b"x", b"\r",
             b"Content-Type: message/rfc822"]), max_size=60),
        strategies.integers(1, 20),
    )  # fmt: skip
    def test_cuts_change_nothing(self, pieces: list[bytes], cut: int) -> None:
        """Whatever comes, in whatever blocks: the count is that of the whole."""
        content = b"Content-Type: a/b; boundary=b\r\n\r\n" + b"".join(pieces) + b"\r\nthe end of it"
        self.assertEqual(seen(content, cut), seen(content))
