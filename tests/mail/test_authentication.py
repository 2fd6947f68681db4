"""The Authentication-Results field that we write (RFC 8601)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.mail.address import NULL, ReversePath, parse_mailbox
from shieldrelay.mail.authentication import authentication_results
from shieldrelay.mail.evidence import Reverse, ReverseName, SpfResult

CAROL = parse_mailbox(b"carol@Client.example")


def field(
    path: ReversePath = CAROL,
    helo: str = "mail.client.example",
    spf: SpfResult = SpfResult.PASS,
    address: str = "203.0.113.5",
    reverse: Reverse | None = None,
) -> str:
    """Write a field."""
    return authentication_results("mx1.shield.example", spf, path, helo, address, reverse).decode("ascii")


class FieldTests(SynchronousTestCase):
    """`authentication_results`."""

    def test_it_says_who_tested_what_and_the_result(self) -> None:
        """The field has our name, the result and the domain that was asked about."""
        self.assertEqual(
            field(),
            "Authentication-Results: mx1.shield.example;\r\n\tspf=pass smtp.mailfrom=client.example\r\n",
        )

    def test_notices_are_judged_by_the_argument_of_helo(self) -> None:
        """For the null reverse-path the argument of EHLO is what was tested (RFC 7208 §2.4)."""
        self.assertIn("spf=fail smtp.helo=mail.client.example\r\n", field(NULL, spf=SpfResult.FAIL))

    def test_the_client_s_name_is_a_second_test(self) -> None:
        """What was found of the reverse name is told as iprev, and an IPv6 address is quoted."""
        told = field(address="2001:db8::1", reverse=Reverse(ReverseName.CONFIRMED, "mail.client.example"))
        self.assertTrue(told.endswith(';\r\n\tiprev=pass policy.iprev="2001:db8::1"\r\n'), told)

    def test_an_address_literal_is_quoted(self) -> None:
        """What is no token of MIME stands in quotes."""
        self.assertIn('smtp.mailfrom="[192.0.2.1]"', field(parse_mailbox(b"carol@[192.0.2.1]")))

    @settings(deadline=None, derandomize=True, max_examples=200)
    @given(st.text(max_size=80))
    def test_a_lie_cannot_leave_its_place(self, helo: str) -> None:
        """Whatever the client calls itself, the field has two lines and no more than two words of it."""
        lines = field(NULL, helo=helo).split("\r\n")
        self.assertEqual(len(lines), 3)
        self.assertEqual(lines[0], "Authentication-Results: mx1.shield.example;")
        self.assertLessEqual(len(lines[1].split()), 2)
        self.assertNotIn(";", lines[1])
