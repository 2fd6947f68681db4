"""The commands about sources and lists: what they print, and the real command against a live socket."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.api_lists import PushChange
from shieldrelay.admin.ctl_list_views import import_line, list_view, outcome_line
from shieldrelay.admin.ctl_lists import spelled_out
from shieldrelay.admin.ctl_messages import is_network
from shieldrelay.admin.ctl_source_views import entries_view, source_view, worst_view
from shieldrelay.admin.ctl_text import span
from shieldrelay.admin.ctl_views import status_view
from shieldrelay.admin.picture import HubPicture, StressPicture, as_json
from tests.admin.fakes import NOW, MemoryAppliance
from tests.admin.fakes_lists import MemoryRecipients
from tests.admin.fakes_sources import BANNED, MemoryDefences
from tests.admin.test_ctl import CommandCase, Steps


class ViewTests(SynchronousTestCase):
    """What is shown of an answer."""

    def lines(self, text: str) -> list[str]:
        """Give the lines, after making sure that nothing else is in them."""
        for line in text.split("\n"):
            self.assertTrue(line.isprintable(), line)
        return text.split("\n")

    def json(self, asked: Coroutine[Any, Any, Any]) -> Any:
        """Give the JSON of an answer."""
        return as_json(self.successResultOf(Deferred.fromCoroutine(asked)))

    def test_explanation_says_why(self) -> None:
        """The first line is the answer; below stand the lists, each counter with its limit, and what to search for."""
        lines = self.lines(source_view({"at": NOW, **self.json(MemoryDefences().explain(BANNED))}))
        self.assertEqual(
            lines[0], "192.0.2.7 is refused for another 29m: 3.0 unknown recipients in 10 minutes, limit 2"
        )
        text = "\n".join(lines)
        self.assertIn("counts for   source 192.0.2.7, network 192.0.2.0/24", text)
        self.assertIn("banned by harvest until", text)
        self.assertIn("the node is under stress", text)
        self.assertIn("connections (observe)\n  ! would refuse: 12 sessions at once, limit 10", text)
        self.assertIn("harvest (enforce)\n  ! refuses: cut off, for another 29m", text)
        self.assertIn("history\n  knows nothing of it", text)
        steps = [line.split() for line in lines[lines.index("a connection from there now:") :]]
        self.assertIn(["!", "connect", "harvest", "refuses", "asked"], [each[:5] for each in steps])
        self.assertEqual(sum(each[:1] == ["!"] for each in steps[:6]), 1, "what refuses first is marked, and no other")
        self.assertEqual(lines[-1].split(), ["1xUzun3PcWee0dUqRj1Gpl1r", "harvest", "30s", "ago", "412"])

    def test_an_unknown_address_is_explained_too(self) -> None:
        """Of an address never seen it says that it is served, and on no list."""
        lines = self.lines(source_view({"at": NOW, **self.json(MemoryDefences().explain("203.0.113.9"))}))
        self.assertEqual(lines[0], "203.0.113.9 is served")
        self.assertIn("  lists        on no list", lines)
        self.assertIn("  greeting     delay 3 s", lines)

    def test_entries(self) -> None:
        """What is in force is a table that no reason can break, and an empty one says so."""
        page = self.json(MemoryDefences().entries(None, 1, None))
        lines = self.lines(entries_view({"now": NOW, **page}))
        self.assertEqual(lines[1].split()[:5], [BANNED, "banned", "1m", "29m", "harvest"])
        self.assertEqual(lines[2], f"1 of 2 entries; more: --after {BANNED}")
        empty = {"now": NOW, "entries": [], "total": 0, "after": None}
        self.assertEqual(entries_view(empty), "nobody is allowed, denied or banned")

    def test_worst(self) -> None:
        """The worst sources have state, sessions and reason."""
        worst = self.successResultOf(Deferred.fromCoroutine(MemoryDefences().worst(9)))
        lines = self.lines(worst_view({"now": NOW, "sources": [as_json(one) for one in worst]}))
        self.assertEqual(lines[1].split()[:5], [BANNED, "refused", "29m", "0", "32"])
        self.assertEqual(worst_view({"now": NOW, "sources": []}), "nobody weighs anything")

    def test_list(self) -> None:
        """A list shows state, age, versions, what was refused, and where the next hop disagrees."""
        recipients = MemoryRecipients()
        recipients.refused, recipients.state = frozenset(), "observed"
        lines = self.lines(list_view(self.json(recipients.picture("example.test")), NOW))
        text = "\n".join(lines)
        for words in (
            "state        who is not listed is taken and journalled, for another 1h",
            "confirmed    10d 10h ago (old)",
            "recipients   2",
            "! its source has not confirmed it for long",
            "! a version with 0 recipients was refused: everybody would cease to exist; shieldrelayctl",
            "refused although listed",
        ):
            self.assertIn(words, text)
        versions = [line.split()[:3] for line in lines if line.lstrip()[:2] in ("1 ", "2 ")]
        self.assertEqual(versions, [["2", "in", "force"], ["1", "kept", "15m"]])

    def test_progress(self) -> None:
        """An import under way says how far it is, and one that ended what came of it."""
        recipients = MemoryRecipients()
        running = self.json(recipients.importing("example.test"))
        self.assertEqual(import_line(running), "fetching, 1000 so far")
        ended = self.json(recipients.importing("example.test"))
        self.assertIn("version 2 is in force, 2 recipients; 1 line was left out", outcome_line("x", ended["outcome"]))

    def test_status_shows_stress_shield_and_hub(self) -> None:
        """The status says when the node is under stress, a domain shielded, a list old, and what is shared."""
        picture = self.successResultOf(Deferred.fromCoroutine(MemoryAppliance().status()))
        domain = evolve(
            picture.domains[0],
            shield="shield",
            shield_since=NOW - 60,
            shield_reason="14.0 unknown recipients, limit 10",
            recipients_trouble="not confirmed for 8d",
        )
        stress = StressPicture(on=True, since=NOW - 5, reason="82 of 100 slots in use")
        hub = HubPicture("redis://hub.test", "degraded", 3, NOW - 9, 0.2, "no answer")
        text = status_view(as_json(evolve(picture, domains=(domain,), stress=stress, hub=hub)))
        self.lines(text)
        for words in (
            "stress    for 5s: 82 of 100 slots in use",
            "hub       redis://hub.test degraded for 9s, 3 members, every 200 ms: no answer",
            "! example.test: shielded against harvesting for 1m: 14.0 unknown recipients, limit 10",
            "! example.test: its list of recipients: not confirmed for 8d",
        ):
            self.assertIn(words, text)
        calm = status_view(as_json(picture))
        self.assertIn("stress    none\nhub       memory: local\n", calm)

    def test_what_is_typed(self) -> None:
        """Times have units, networks are told from ids, and ``recipients DOMAIN`` shows."""
        self.assertEqual([span(text) for text in ("90s", "15m", "12h", "7d")], [90, 900, 43200, 604800])
        for text in ("7", "0d", "1w", "-1d", ""):
            self.assertRaises(ArgumentTypeError, span, text)
        rows = {"192.0.2.7": True, "2001:db8::/64": True, "192.0.2.1/24": True, "5K0vJ8qHn2dXw1aZ": False, "7": False}
        self.assertEqual({text: is_network(text) for text in rows}, rows)
        for typed, meant in (
            ("recipients x.test", "recipients show x.test"),
            ("--socket recipients recipients x.test", "--socket recipients recipients show x.test"),
            ("recipients import x.test", "recipients import x.test"),
            ("recipients --help", "recipients --help"),
            ("queue recipients", "queue recipients"),
            ("recipients", "recipients"),
        ):
            self.assertEqual(spelled_out(typed.split()), meant.split())


class SourceCommands(CommandCase):
    """The real command, in a process of its own."""

    @inlineCallbacks
    def test_sources(self) -> Steps:
        """Explain, allow, lists, sources, revoke and release do what they say."""
        for arguments, words in (
            (["explain", BANNED], "192.0.2.7 is refused"),
            (["explain", BANNED, "--json"], '"count": 412'),
            (["sources", "--limit", "1"], "SOURCE"),
            (["allow", "203.0.113.0/24", "--for", "7d", "--reason", "partner"], "203.0.113.0/24: allowed by "),
            (["deny", "203.0.113.4", "203.0.113.5"], "203.0.113.5: denied by "),
            (["lists", "--kind", "deny"], "3 entries"),
            (["revoke", "203.0.113.4"], "203.0.113.4: revoked"),
            (["revoke", "203.0.113.4"], "was neither allowed nor denied"),
            (["release", BANNED, "M1"], "192.0.2.7: released, 1 source\nM1: released"),
            (["release", BANNED], "192.0.2.7: nothing was held against it"),
        ):
            out, err, status = yield self.run_command(*arguments)
            self.assertEqual((status, err), (0, ""), arguments)
            self.assertIn(words, out)
        self.assertEqual(sorted(self.defences.inside), ["198.51.100.0/24", "203.0.113.0/24", "203.0.113.5"])

    @inlineCallbacks
    def test_refusals(self) -> Steps:
        """What is refused exits with 1 and keeps nothing else from being done."""
        out, err, status = yield self.run_command("revoke", "198.51.100.0/24")
        self.assertEqual((out, status), ("", 1))
        self.assertIn("stands in the configuration", err)
        out, err, status = yield self.run_command("deny", "203.0.113.7/24", "203.0.113.9")
        self.assertEqual(status, 1)
        self.assertIn("bits behind its prefix", err)
        self.assertIn("203.0.113.9: denied", out)
        _, err, status = yield self.run_command("allow", "203.0.113.9", "--for", "a week")
        self.assertEqual(status, 2)
        self.assertIn("a time such as", err)

    @inlineCallbacks
    def test_believe(self) -> Steps:
        """An operator who has looked lets a server's refusals count."""
        self.appliance.suspicious.add("example.test")
        for words in ("refusals count from now on", "no refusals are held back"):
            out, _, status = yield self.run_command("believe", "example.test")
            self.assertEqual(status, 0)
            self.assertIn(words, out)


class ListCommands(CommandCase):
    """The real command, in a process of its own."""

    @inlineCallbacks
    def test_lists(self) -> Steps:
        """A list is shown, imported with its progress, rolled back, observed, enforced, and asked."""
        for arguments, words in (
            (["recipients", "example.test"], "VERSION"),
            (["recipients", "example.test", "--json"], '"freshness": "old"'),
            (["recipients", "rollback", "example.test"], "version 1 is in force, 1 recipient\n"),
            (["recipients", "observe", "example.test", "--for", "1h"], "taken and journalled"),
            (["recipients", "enforce", "example.test"], "who is not listed is refused"),
            (["recipients", "check", "alice@example.test"], "listed, mail to it is taken"),
        ):
            out, err, status = yield self.run_command(*arguments)
            self.assertEqual((status, err), (0, ""), arguments)
            self.assertIn(words, out)
        out, err, status = yield self.run_command("recipients", "import", "example.test")
        self.assertEqual(status, 0)
        self.assertIn("queued, 0 so far\nfetching, 1000 so far", err)
        self.assertIn("is in force, 2 recipients", out)

    @inlineCallbacks
    def test_push(self) -> Steps:
        """Files are pushed, removals first; what a guard refuses is refused, and accepted on purpose."""
        added, removed, nobody = (os.path.join(os.path.dirname(self.path), name) for name in ("a", "r", "n"))
        Path(added).write_text("carol\nbob\n")
        Path(removed).write_text("bob\n")
        Path(nobody).write_text("")
        push = ("recipients", "push", "example.test")
        out, _, status = yield self.run_command(*push, "--add", added, "--remove", removed)
        self.assertEqual((status, out.count("is in force") + out.count("are in force")), (0, 1))
        self.assertEqual(self.recipients.pushed[-1][0], PushChange.EDIT)
        self.assertEqual(self.recipients.names[-1], frozenset((b"alice", b"bob", b"carol")))
        _, err, status = yield self.run_command(*push, "--replace", nobody)
        self.assertEqual(status, 1)
        self.assertIn("everybody would cease to exist", err)
        out, _, status = yield self.run_command("recipients", "accept", "example.test")
        self.assertEqual(status, 0)
        for wrong, words in (
            (push, "name files"),
            ((*push, "--add", added, "--replace", added), "name files"),
            ((*push, "--add", f"{added}.none"), "no such file"),
            ((*push, "--add", "-", "--remove", "-"), "standard input can be one"),
        ):
            _, err, status = yield self.run_command(*wrong)
            self.assertEqual(status, 1)
            self.assertIn(words, err)
        _, _, status = yield self.run_command("recipients", "check", "nobody@example.test")
        self.assertEqual(status, 1)
