"""Claims about plugins that see a session before its content: declared, found, asked at the right moment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.content.loading import Loaded, load
from shieldrelay.content.plugin import ACCEPT, Annotate, Failing, HeaderField, Lasting, Refuse, Seen, ShieldPlugin, Step
from shieldrelay.content.stage import Stage
from shieldrelay.content.terms import CheckTerms, Configured, Installed
from shieldrelay.mail.address import parse_mailbox
from shieldrelay.testing.journal import ListJournal

DECLARED = """
from shieldrelay.content.plugin import ACCEPT, Failing, Refuse, ShieldPlugin, Step

class Check:
    def __init__(self, settings, surroundings):
        self.name = settings["name"]
    def helo(self, seen):
        return Refuse("it calls itself so") if seen.helo == self.name else ACCEPT

noname = ShieldPlugin("noname", [Step.HELO], Check, time_limit=2.0, failing=Failing.ACCEPT)
"""


def seen(helo: str = "client.test") -> Seen:
    """Make what a plugin sees at MAIL."""
    return Seen("S1", "192.0.2.1", helo, parse_mailbox(b"carol@elsewhere.test"))


class Watching:
    """Sees every step and answers by a table.

    :ivar asked: the names of the steps, in order.
    """

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def answer(_shown: object) -> Any:
            self.asked.append(name)
            return self.answers.get(name, ACCEPT)

        return answer


class StepTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.journal = ListJournal()

    def stage(self, check: object, *steps: Step, **terms: Any) -> Stage:
        return Stage([Installed("watch", check, CheckTerms(**terms), frozenset(steps or Step))], Clock(), self.journal)

    def test_connection_and_name_are_asked_once(self):
        """At the first MAIL the connection, the name and the sender are asked about; later the sender alone."""
        check = Watching()
        talk = self.stage(check).conversation()
        for _ in range(2):
            self.assertIsNone(talk.mail(seen()))
        self.assertIsNone(talk.recipient(seen()))
        self.assertIsNone(talk.mail(seen("another.test")))
        self.assertEqual(check.asked, ["connect", "helo", "mail", "mail", "rcpt", "helo", "mail"])

    def test_a_refused_connection_stays_refused(self):
        """What refuses the connection is asked again at each MAIL, and nothing after it is."""
        check = Watching(connect=Refuse("its country", text="Not from there"))
        talk = self.stage(check).conversation()
        for _ in range(2):
            refusal: Any = talk.mail(seen())
            self.assertEqual((refusal.reply.code, refusal.reply.status), (550, "5.7.1"))
        self.assertEqual(check.asked, ["connect", "connect"])
        self.assertEqual(self.journal.named("content_refused")[0]["stage"], "connect")

    def test_late_answers_are_waited_for(self):
        """A plugin may take its time at each step; the next is asked when it has answered."""
        late: list[Deferred[Any]] = [Deferred(), Deferred()]
        check = Watching(connect=late[0], mail=late[1])
        answer: Any = self.stage(check).conversation().mail(seen())
        self.assertNoResult(answer)
        late[0].callback(ACCEPT)
        self.assertEqual(check.asked, ["connect", "helo", "mail"])
        late[1].callback(Refuse("later", Lasting.TEMPORARY))
        self.assertEqual(self.successResultOf(answer).reply.code, 451)

    def test_fields_before_the_content_are_a_failure(self):
        """There is no message yet to which a field could be added."""
        check = Watching(rcpt=Annotate((HeaderField("X-A", "b"),)))
        refusal: Any = self.stage(check).conversation().recipient(seen())
        self.assertEqual(refusal.reply.code, 451)
        self.assertIn("where there is no message yet", refusal.reason)

    def test_only_what_it_sees(self):
        """A plugin is asked at its own steps only, and a stage knows whether any is before the content."""
        check = Watching()
        stage = self.stage(check, Step.RCPT)
        self.assertTrue(stage.sees_early)
        self.assertFalse(self.stage(check, Step.CONTENT).sees_early)
        self.assertIsNone(stage.conversation().mail(seen()))
        self.assertEqual(check.asked, [])


class DeclarationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def load(self, text: str, name: str = "noname", **configured: Any) -> Loaded:
        path = self.directory / f"{name}.py"
        path.write_text(text)
        path.chmod(0o644)
        self.addCleanup(sys.modules.pop, f"shieldrelay_plugin_{name}", None)
        settings = configured.pop("settings", {"name": "liar.test"})
        return load([Configured(name, settings=settings, **configured)], [self.directory])

    def test_a_declared_plugin_is_found_by_its_name(self):
        """A file in the directory that declares a ShieldPlugin of its own name is all it takes."""
        loaded = self.load(DECLARED)
        self.assertEqual(loaded.faults, ())
        (installed,) = loaded.checks
        self.assertEqual(installed.steps, frozenset({Step.HELO}))
        self.assertIsInstance(installed.check.helo(seen("liar.test")), Refuse)

    def test_its_own_terms_hold_unless_configured(self):
        """Its time and what its failure means are its own, unless the configuration says otherwise."""
        left = self.load(DECLARED, left_to_plugin=frozenset({"seconds", "failing"})).checks[0].terms
        self.assertEqual((left.seconds, left.failing), (2.0, Failing.ACCEPT))
        said = self.load(DECLARED, terms=CheckTerms(seconds=9.0)).checks[0].terms
        self.assertEqual((said.seconds, said.failing), (9.0, Failing.TEMPFAIL))

    def test_faults_are_told_in_words(self):
        """A step without its method, bad settings and another name are faults of the configuration."""
        (fault,) = self.load(DECLARED.replace("def helo", "def hello")).faults
        self.assertIn("it sees helo, and what it makes has no helo()", fault)
        (fault,) = self.load(DECLARED, settings={}).faults
        self.assertIn("line 6: KeyError", fault)
        (fault,) = self.load(DECLARED, "other").faults
        self.assertIn("declares no ShieldPlugin called 'other'", fault)

    def test_a_plugin_sees_something(self):
        """One without a step cannot be declared."""
        self.assertRaises(ValueError, ShieldPlugin, "nothing", [], Watching)
        self.assertRaises(ValueError, ShieldPlugin, "nothing", ["mail"], Watching)

    def test_an_installed_package_may_bring_one(self):
        """What no directory has is looked for among the plugins that Twisted finds; a name nobody has is a fault."""
        from twisted import plugins

        packaged = self.directory / "twisted" / "plugins"
        packaged.mkdir(parents=True)
        packaged.joinpath("shieldrelay_brought.py").write_text(DECLARED.replace('"noname"', '"brought"'))
        before = list(plugins.__path__)
        plugins.__path__.append(str(packaged))
        self.addCleanup(plugins.__path__.__setitem__, slice(None), before)
        self.addCleanup(sys.modules.pop, "twisted.plugins.shieldrelay_brought", None)
        loaded = load([Configured("brought", settings={"name": "x"})], [self.directory])
        self.assertEqual((loaded.faults, loaded.checks[0].name), ((), "brought"))
        (fault,) = load([Configured("nobody")], [self.directory]).faults
        self.assertIn("there is no nobody.py in", fault)
