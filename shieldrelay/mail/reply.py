"""Replies of SMTP (RFC 5321 §4.2) with their enhanced status codes (RFC 3463).

A `Reply` is what is said on the wire, by us or by a next hop. Code and enhanced code agree by construction. The
catalogue of what *we* say stands in ``smtp.replies``.
"""

from __future__ import annotations

from attrs import field, frozen

EnhancedCode = tuple[int, int, int]


@frozen(cache_hash=True)
class Reply:
    """One reply.

    :ivar code: 200 to 599.
    :ivar enhanced: RFC 3463 class, subject, detail; the class is ``code // 100``. ``None`` where RFC 2034 wants none
        (greeting, EHLO, 354) or where a next hop gave none.
    :ivar lines: the text, one item a line, without codes; printable ASCII (or UTF-8 from a next hop, clipped by the
        parser). Never empty.
    """

    code: int
    enhanced: EnhancedCode | None = field()
    lines: tuple[str, ...] = ("",)

    @enhanced.validator
    def _agree(self, _attribute: object, enhanced: EnhancedCode | None) -> None:
        if enhanced is not None and enhanced[0] != self.code // 100:
            raise ValueError(f"enhanced code {enhanced} does not fit code {self.code}")

    @property
    def is_positive(self) -> bool:
        """2yz or 3yz."""
        return self.code < 400

    @property
    def is_transient(self) -> bool:
        """4yz."""
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        """5yz."""
        return self.code >= 500

    @property
    def status(self) -> str:
        """The enhanced code as text, ``5.1.1``; derived from the code's class (``5.0.0``) when there is none."""
        return "%d.%d.%d" % (self.enhanced or (self.code // 100, 0, 0))

    def encode(self) -> bytes:
        """Give the octets for the wire, every line ended by CRLF."""
        prefix = "" if self.enhanced is None else self.status + " "
        last = len(self.lines) - 1
        return "".join(
            f"{self.code}{' ' if index == last else '-'}{prefix}{line}\r\n" for index, line in enumerate(self.lines)
        ).encode("utf-8")

    def __str__(self) -> str:
        prefix = "" if self.enhanced is None else self.status + " "
        return f"{self.code} {prefix}{' / '.join(self.lines)}"
