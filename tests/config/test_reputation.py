"""Claims about the settings of ``[shield.reputation]``."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any, cast

from attrs import asdict, fields

from shieldrelay.config.reputation import Reputation
from shieldrelay.config.setting import declared_in
from shieldrelay.shield.reputation_kinds import DAY_SECONDS
from shieldrelay.shield.reputation_settings import ReputationSettings
from tests.config.test_shield import ReadCase

_ELSEWHERE = {"mode", "dnsbl", "feed", "reporter", "export"}
_FIXED = {"doubt", "signal"}
_TOKEN = "ab" * 32


class ReputationTests(ReadCase):
    def test_defaults_are_those_of_the_room(self) -> None:
        """What a file leaves out is the room's own default, for every number that can be set."""
        names = set(declared_in(Reputation)) - _ELSEWHERE
        self.assertEqual(names, {each.name for each in fields(ReputationSettings)} - _FIXED)
        declared, room = asdict(cast(Any, self.read().shield.reputation)), asdict(ReputationSettings())
        self.assertEqual(declared["learning_days"], room["learning_days"] * DAY_SECONDS)
        self.assertEqual({name: declared[name] for name in names - {"learning_days"}},
                         {name: room[name] for name in names - {"learning_days"}})  # fmt: skip

    def test_lists_are_read(self) -> None:
        """DNS lists, feeds and reporters have tables of their own; what they leave out has defaults."""
        reputation = self.read(
            '[shield.reputation.dnsbl."bl.example"]\nanswers = ["127.0.0.2"]\n'
            '[shield.reputation.dnsbl."wl.example"]\nweight = -2\nipv6 = true\n'
            '[shield.reputation.feed.drop]\nsource = "https://lists.example/drop.txt"\n'
            f'[shield.reputation.reporter."example.com"]\ntoken_hash = "{_TOKEN.upper()}"\n'
        ).shield.reputation
        lists = {name: (each.weight, each.ipv6, each.answers) for name, each in reputation.dnsbl.items()}
        self.assertEqual(lists, {
            "bl.example": (1, False, (IPv4Network("127.0.0.2"),)),
            "wl.example": (-2, True, (IPv4Network("127.0.0.0/8"),)),
        })  # fmt: skip
        feed = reputation.feed["drop"]
        self.assertEqual((str(feed.source), feed.weight, feed.every), ("https://lists.example/drop.txt", 2, 3600.0))
        self.assertEqual(reputation.reporter["example.com"].token_hash, _TOKEN)

    def test_what_cannot_be_is_a_fault(self) -> None:
        """Each is named."""
        table = "[shield.reputation"
        for written, expected in (
            (f"{table}]\nthrottle = 56\n", "throttle is more than tempfail"),
            (f"{table}]\nreject = 54\n", "tempfail is more than reject"),
            (f'{table}.dnsbl."bl.example"]\nweight = 0\n', "a weight of 0 says nothing"),
            (f'{table}.dnsbl."bl.example"]\nanswers = ["10.0.0.1"]\n', "not within 127.0.0.0/8"),
            (f'{table}.feed.drop]\nsource = "ldap://host"\n', "neither a file nor a URL"),
            (f'{table}.reporter."example.com"]\ntoken_hash = "secret"\n', "the token itself does not belong here"),
            (f'{table}.export]\nzone = "bl.example"\n', "zone and listen go together"),
        ):
            self.assertIn(expected, self.faults(written))

    def test_observing_is_noted(self) -> None:
        """Whoever checks a configuration is told that it refuses nobody."""
        note = "[shield.reputation] mode: it refuses nobody (observe)"
        self.assertIn(note, self.notes('[shield.reputation]\nmode = "observe"\n'))
