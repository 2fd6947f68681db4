"""What is found, by what, and in which order."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from shieldrelay.trace.question import Question
from shieldrelay.trace.search import written
from shieldrelay.trace.settings import DomainTerms
from shieldrelay.trace.shelf import paths
from shieldrelay.trace.story import story
from tests.trace.case import NOW, TraceCase, line, refusal, transaction


class SearchTests(TraceCase):
    def test_everything_that_a_line_says_finds_it(self):
        """Sender, recipient, their domains, source, network, ids, reason, event, defence, result, protected domain."""
        self.write(transaction(1), refusal(2), transaction(3, peer="2001:db8::1", reverse_path=""))
        self.index()
        for asked, expected in (
            ({"sender": "SENDER1@sender.test"}, ["session1"]),
            ({"sender": "@sender.test"}, ["refusal2", "session1"]),
            ({"sender": "<>"}, ["session3"]),
            ({"recipient": "user1@EXAMPLE.test"}, ["session1"]),
            ({"recipient": "@example.test"}, ["session3", "refusal2", "session1"]),
            ({"recipient": "nobody2@example.test"}, ["refusal2"]),
            ({"source": "192.0.2.1"}, ["session1"]),
            ({"source": "192.0.2.0/24"}, ["session1"]),
            ({"source": "192.0.2.0/30"}, ["session1"]),
            ({"source": "192.0.0.0/8"}, ["session1"]),
            ({"source": "2001:db8::/64"}, ["session3"]),
            ({"source": "2001:db8::/32"}, ["session3"]),
            ({"id": "message1"}, ["session1"]),
            ({"id": "refusal2"}, ["refusal2"]),
            ({"reason": "not listed"}, ["refusal2"]),
            ({"reason": "listed recipient 5.1.1"}, ["refusal2"]),
            ({"reason": "greeted"}, []),
            ({"event": "refused"}, ["refusal2"]),
            ({"defence": "recipients"}, ["refusal2"]),
            ({"result": "accepted", "sender": "sender1@sender.test"}, ["session1"]),
            ({"domain": "example.test"}, ["session3", "refusal2", "session1"]),
            ({"domain": "other.test"}, []),
            ({"sender": "sender1@sender.test", "recipient": "nobody2@example.test"}, []),
            ({"sender": "ender1@sender.test"}, []),
        ):
            self.assertEqual(self.ids(**asked), expected, asked)

    def test_alias_counts_for_its_domain(self):
        """A line about an alias is about its domain."""
        self.write(refusal(1, recipient="nobody@alias.test"))
        self.index()
        self.assertEqual(self.ids(domain="example.test"), ["refusal1"])

    def test_transaction_for_several_domains_is_found_by_each(self):
        """By each domain, each recipient, and the id of each message, whose story has the session too."""
        domains = {name: DomainTerms(name) for name in ("example.test", "other.test")}
        self.change(domains=domains)
        both = transaction(1, recipients=["a@example.test", "b@other.test"], others=["message2"])
        self.write(both, line("attempt", message="message2", domain="other.test", result="taken"))
        self.index()
        for asked in ({"domain": "other.test", "event": "transaction"}, {"recipient": "b@other.test"}):
            self.assertEqual(self.ids(**asked), ["session1"], asked)
        told = story(self.search(), "message2")
        self.assertEqual([each["event"] for each in told["lines"]], ["transaction", "attempt"])

    def test_time_bounds_a_search(self):
        """Lines before and after are not given."""
        self.write(*(transaction(number, NOW + number) for number in range(10)))
        self.index()
        self.assertEqual(self.ids(since=NOW + 3, until=NOW + 5), ["session5", "session4", "session3"])

    def test_pages_give_each_line_once(self):
        """Pages of any length, over many blocks and files, give every line once, the latest first."""
        lines = [transaction(number, NOW + number) for number in range(1000)]
        for part in range(4):
            self.write(*lines[part * 250 : part * 250 + 250])
            self.index()
            self.now += 86400.0
        for limit in (1000, 333, 7):
            seen, after = [], ""
            while True:
                page = self.page(limit=limit, after=after)
                seen += [one.fields["session"] for one in page.found]
                if page.more is None:
                    break
                after = written(page.more)
            self.assertEqual(seen, [f"session{number}" for number in reversed(range(1000))], limit)

    def test_what_is_newer_is_given_in_order(self):
        """From a place on everything that came since is given, the oldest first."""
        self.write(transaction(1))
        self.index()
        place = self.search().newest()
        self.assertEqual(self.ids(newer=place), [])
        self.write(transaction(2), refusal(3))
        self.index()
        self.assertEqual(self.ids(newer=place), ["session2", "refusal3"])
        self.assertEqual(self.ids(newer=place, event="refused"), ["refusal3"])

    def test_time_that_is_up_ends_a_search(self):
        """What was found so far is given, with how far back it came and where it goes on."""
        self.write(*(transaction(number, NOW + number) for number in range(600)))
        self.index()
        ticks = iter(range(10_000))
        search = self.search()
        search._seconds = lambda: float(next(ticks))
        page = search.page(Question(source="192.0.0.0/8", limit=1000), 1.5)
        self.assertIsNotNone(page.searched_to)
        rest = self.page(source="192.0.0.0/8", limit=1000, after=written(page.more))
        self.assertEqual(len(page.found) + len(rest.found), 600)

    def test_file_that_cannot_be_read_is_passed_over(self):
        """A file that is no database, or is only being made, keeps nobody from finding what others have."""
        self.write(transaction(1))
        self.index()
        directory = Path(self.settings.directory)
        (directory / "trace-000008.db").write_bytes(b"")
        (directory / "trace-000009.db").write_bytes(b"nonsense" * 1000)
        self.assertEqual(self.ids(), ["session1"])
        self.assertEqual(self.ids(newer="0.0.0"), ["session1"])
        self.assertTrue(self.search().newest().startswith("1."))

    def test_block_that_cannot_be_read_is_passed_over(self):
        """What else there is is found."""
        self.write(transaction(1))
        self.index()
        self.now += 86400.0
        self.write(transaction(2))
        self.index()
        with closing(sqlite3.connect(paths(Path(self.settings.directory))[0])) as db, db:
            db.execute("UPDATE block SET body = x'00'")
        self.assertEqual(self.ids(), ["session2"])

    def test_story_of_a_message_has_its_session_alone(self):
        """A message's story has its session, attempts and notices, not the session's other messages."""
        self.write(
            transaction(1, session="s"), line("attempt", message="message1", domain="example.test", result="taken"),
            transaction(2, session="s"), refusal(3, session="s"),
            line("notice_stored", message="message1", notice="n1", to="sender1@sender.test", recipients=1),
            line("notice", message="message1", notice="n1", to="sender1@sender.test"),
            line("session", session="s", peer="192.0.2.1", end="quit", messages=2), transaction(9),
        )  # fmt: skip
        self.index()
        events = [each["event"] for each in story(self.search(), "message1")["lines"]]
        self.assertEqual(events, ["transaction", "attempt", "refused", "notice_stored", "notice", "session"])
        whole = story(self.search(), "s")
        self.assertEqual(whole["messages"], ["message1", "message2", "n1"])
        self.assertEqual(len(whole["lines"]), 7)
        self.assertEqual(story(self.search(), "nothing")["lines"], [])

    def test_no_octets_break_it(self):
        """Whatever stands in the journal, reading goes on, and lines around it are found."""

        @given(st.lists(st.binary(max_size=80), max_size=6))
        @settings(deadline=None, derandomize=True, max_examples=25)
        def check(pieces):
            self.setUp()
            self.write(transaction(1), b"\n".join(pieces) + b"\n", transaction(2))
            self.index()
            self.assertEqual(self.ids(event="transaction"), ["session2", "session1"])

        check()

    def test_lines_of_wrong_shapes_are_read(self):
        """Fields of kinds that they never have do no harm."""
        odd = [[], {}, 1, None, True, "x" * 9000, ["a", 1, None], {"a": "b@c.d"}]
        for value in odd:
            names = ("session", "message", "peer", "reverse_path", "recipients", "domain", "reason", "code", "sessions")
            self.write(*(transaction(1, **{name: value}) for name in names))
        self.write(b'{"lost":"x"}\n{"ts":1,"event":"session"}\n{"ts":"2026","event":"session"}\n[1]\n', transaction(2))
        self.index()
        self.assertIn("session2", self.ids(limit=1000))
        for one in self.page(limit=1000).found:
            self.search().shown(one)
