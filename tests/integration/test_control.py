"""``shieldrelayctl`` as a process against a running node: sources, lists of recipients, and what is typed wrongly."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from shieldrelay.admin.ctl import main
from tests.integration.case import ProductCase
from tests.integration.clients import send_one
from tests.integration.node import DOMAIN, ROOT, Node

GUESSER = "127.0.0.9"


def replies_of(node: Node, address: str, *recipients: str) -> list[str]:
    """Ask for recipients from an address of loopback; give the replies, the greeting first, until the end."""
    with socket.create_connection(("127.0.0.1", node.port), timeout=20, source_address=(address, 0)) as one:
        lines = one.makefile("rb")

        def reply() -> str:
            while (line := lines.readline())[3:4] == b"-":
                pass
            return line.decode("ascii").rstrip()

        replies = [reply()]
        commands = ["EHLO client.test", "MAIL FROM:<a@sender.test>", *(f"RCPT TO:<{each}>" for each in recipients)]
        for command in commands:
            if not replies[-1].startswith(("2", "450", "550")):
                break
            one.sendall(command.encode("ascii") + b"\r\n")
            replies.append(reply())
        return replies


class ControlCase(ProductCase):
    """One node with a list of recipients."""

    def setUp(self) -> None:
        self.customer = self.a_customer()
        settings = {"shield.harvest": {"tarpit": "10ms", "tarpit_most": "10ms"}}
        self.node = self.a_node(self.customer.port, settings=settings)

    def ran(self, *words: str, status: int = 0, given: str | None = None) -> str:
        """Run a command; give what it printed, on standard output when it succeeded, else on standard error.

        In this process, which is not the node's, so that many commands take little time; in its own with input.
        """
        if given is not None:
            command = [sys.executable, "-m", "shieldrelay.admin.ctl", "--socket", str(self.node.control), *words]
            done = subprocess.run(
                command, input=given, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            return done.stdout
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                ended = main(["--socket", str(self.node.control), *words])
            except SystemExit as left:
                ended = int(left.code or 0)
        self.assertEqual(ended, status, (words, out.getvalue(), err.getvalue()))
        return err.getvalue() if status else out.getvalue()

    def file_of(self, name: str, text: str) -> str:
        """Write a file for a command to read."""
        file = self.node.directory / name
        file.write_text(text)
        return str(file)


class SourceTests(ControlCase):
    """A harvester, a partner, and what an operator does about them."""

    def guess(self, times: int) -> list[str]:
        """Have the guesser ask for recipients that do not exist, in so many connections; give the last replies."""
        replies: list[str] = []
        for number in range(times):
            replies = replies_of(self.node, GUESSER, *(f"guess{number}x{each}@{DOMAIN}" for each in range(8)))
        return replies

    def test_a_harvester_from_the_first_guess_to_its_release(self) -> None:
        """Explain says when a source is answered alike and when it is refused; released, it is served at once."""
        ran = self.node.ctl("explain", GUESSER)
        self.assertEqual((ran.returncode, ran.stderr, ran.stdout.splitlines()[0]), (0, "", "127.0.0.9 is served"))
        self.assertTrue(self.guess(1)[-1].startswith("421"))
        self.assertRegex(self.ran("explain", GUESSER), r"^127.0.0.9 is answered alike for another (29|30)m")
        refused = self.guess(4)[-1]
        self.assertTrue(refused.startswith("421"), refused)
        told = self.ran("explain", GUESSER)
        self.assertRegex(told, r"^127.0.0.9 is refused for another \d+m.*: harvesting: 2.0 unknown recipients told of")
        reference = refused.rpartition("reference ")[2].rstrip(")")
        self.assertRegex(told, rf"{reference} +harvest ")
        self.node.wait_for_event("connection_refused", lambda line: line["reference"] == reference)
        self.assertRegex(self.ran("sources").splitlines()[1], rf"^{GUESSER} +refused ")
        self.assertEqual(self.ran("release", GUESSER), f"{GUESSER}: released, 1 source\n")
        self.assertEqual(self.ran("release", GUESSER), f"{GUESSER}: nothing was held against it\n")
        self.assertTrue(replies_of(self.node, GUESSER, f"alice@{DOMAIN}")[-1].startswith("250"))
        self.assertIn(f"{GUESSER} is served\n", self.ran("explain", GUESSER))
        self.guess(1)
        self.assertEqual(self.ran("release", "127.0.0.0/24"), "127.0.0.0/24: released, 1 source\n")

    def test_allow_deny_revoke(self) -> None:
        """A denied network hears 554, an allowed one is let in though it guesses, and both can be taken back."""
        self.assertIn("127.0.0.9: denied by ", self.ran("deny", GUESSER, "--for", "1h", "--reason", "abuse"))
        self.assertTrue(replies_of(self.node, GUESSER)[0].startswith("554"))
        told = self.ran("explain", GUESSER)
        self.assertRegex(told, r"^127.0.0.9 is refused with a permanent reply for another \d+m.*: abuse")
        self.assertIn("127.0.0.8/29: allowed by ", self.ran("allow", "127.0.0.8/29"))
        self.assertIn("without effect: 127.0.0.8/29 is allowed by", self.ran("deny", GUESSER))
        self.assertTrue(self.guess(3)[-1].startswith("550"))
        self.assertIn("2 entries", self.ran("lists"))
        for said in ("revoked", "was neither allowed nor denied"):
            self.assertIn(f"127.0.0.8/29: {said}", self.ran("revoke", "127.0.0.8/29"))
        self.assertTrue(replies_of(self.node, GUESSER)[0].startswith("554"))
        page = json.loads(self.ran("lists", "--json"))
        self.assertEqual([each["network"] for each in page["entries"]], [GUESSER])

    def test_entries_survive_a_restart(self) -> None:
        """What an operator denied, and a harvester's box, hold over a restart."""
        self.guess(5)
        self.ran("deny", "127.0.0.10", "--reason", "for good")
        self.node.stop()
        self.node.start()
        self.assertTrue(replies_of(self.node, "127.0.0.10")[0].startswith("554"))
        self.assertIn("for good", self.ran("explain", "127.0.0.10"))
        self.assertRegex(self.ran("explain", GUESSER), r"^127.0.0.9 is (refused|answered alike) for another")

    def test_what_is_typed_wrongly(self) -> None:
        """Wrong addresses and networks are refused in words with status 1; nothing is done."""
        for words, said in (
            (("explain", "1.2.3"), "'1.2.3' is no IP address."),
            (("explain", "mx.example.test"), "is no IP address."),
            (("explain", "../../status"), "is no IP address."),
            (("explain", "\x1b[31m\n"), "is no IP address."),
            (("release", "0.0.0.0/0"), "is wider than /8"),
            (("deny", "::/0"), "is wider than /19"),
            (("deny", "192.0.2.7/24"), "has bits behind its prefix."),
            (("allow", "everybody"), "is no IP address and no network."),
            (("allow", "192.0.2.7", "--reason", "x" * 300), "at most 200 characters"),
            (("revoke", "192.0.2.0/33"), "is no IP address and no network."),
        ):
            told = self.ran(*words, status=1)
            self.assertIn(said, told)
            self.assertTrue(all(line.isprintable() for line in told.splitlines()), told)
        self.ran("allow", "192.0.2.7", "--for", "forever", status=2)
        self.assertEqual(self.ran("lists"), "nobody is allowed, denied or banned\n")
        self.assertEqual(self.ran("release", "2001:db8::/32"), "2001:db8::/32: nothing was held against it\n")


class FileListTests(ControlCase):
    """A list that is a plain file."""

    def test_push_check_and_roll_back(self) -> None:
        """What is pushed holds for the next RCPT; what is wrong changes nothing; rollbacks do not alternate."""
        push = ("recipients", "push", DOMAIN)
        added, removed = self.file_of("added", "eve\n"), self.file_of("removed", "bob\n")
        self.assertEqual(self.ran(*push, "--add", added, "--remove", removed), f"{DOMAIN}: 2 changes are in force\n")
        replies = replies_of(self.node, "127.0.0.1", f"eve@{DOMAIN}", f"bob@{DOMAIN}")
        self.assertEqual([reply[:3] for reply in replies[-2:]], ["250", "550"])
        self.assertIn("listed, mail to it is taken", self.ran("recipients", "check", f"eve@{DOMAIN}"))
        self.ran("recipients", "check", f"bob@{DOMAIN}", status=1)
        wrong = self.ran(*push, "--add", self.file_of("wrong", "fay\nno good@@\n"), status=1)
        self.assertIn("nothing was changed", wrong)
        self.assertIn("add:2: ", wrong)
        self.ran("recipients", "check", f"fay@{DOMAIN}", status=1)
        self.assertIn("1 change is in force", self.ran(*push, "--add", "-", given="gil\n"))
        self.assertIn("nobody would exist", self.ran(*push, "--replace", "/dev/null", status=1))
        self.assertIn("! a version with 0 recipients was refused: nobody would exist", self.ran("recipients", DOMAIN))
        self.assertIn("version 2 is in force, 1 recipient\n", self.ran(*push, "--replace", added))
        self.assertIn("version 3 is in force, 6 recipients", self.ran("recipients", "rollback", DOMAIN))
        self.assertIn("came of a rollback already", self.ran("recipients", "rollback", DOMAIN))
        gone = self.ran("recipients", "rollback", DOMAIN, "77", status=1)
        self.assertIn("version 77 is not kept (there are: 3, 2, 1)", gone)

    def test_observe_and_enforce(self) -> None:
        """An observed list takes everybody, journalled; one whose file went away says so when it is imported."""
        self.assertIn("taken and journalled, for another", self.ran("recipients", "observe", DOMAIN, "--for", "1h"))
        self.assertTrue(replies_of(self.node, "127.0.0.1", f"nobody@{DOMAIN}")[-1].startswith("250"))
        self.assertIn("(the list only observes)", self.ran("recipients", "check", f"nobody@{DOMAIN}"))
        self.assertEqual(self.ran("recipients", "enforce", DOMAIN), f"{DOMAIN}: who is not listed is refused\n")
        self.assertTrue(replies_of(self.node, "127.0.0.1", f"nobody@{DOMAIN}")[-1].startswith("550"))
        self.wait(lambda: len(self.node.journal("would_refuse")) == 1, "the journal to be written")

        self.node.recipients_file.unlink()
        self.assertIn("no such file or directory", self.ran("recipients", "import", DOMAIN, status=1))
        self.assertIn("listed", self.ran("recipients", "check", f"alice@{DOMAIN}"))

    def test_what_is_typed_wrongly(self) -> None:
        """Unknown domains are answered with what may have been meant, and addresses that are none in words."""
        for action in ("show", "import", "rollback", "accept", "enforce", "observe"):
            self.assertIn("Did you mean example.test?", self.ran("recipients", action, "exmaple.test", status=1))
        self.assertIn("Did you mean", self.ran("believe", "exmaple.test", status=1))
        self.assertIn("no refusals are held back", self.ran("believe", DOMAIN))
        for address in ("nonsense", "@", "a@@b", "a b@example.test", "\x00@example.test".replace("\x00", "\x01")):
            self.ran("recipients", "check", address, status=1)
        self.ran("recipients", "check", "x@other.test", status=1)
        self.assertIn("no such file", self.ran("recipients", "push", DOMAIN, "--add", "/none", status=1))
        self.ran("recipients", "push", DOMAIN, status=1)
        self.assertIn("nothing was refused", self.ran("recipients", "accept", DOMAIN, status=1))

    def test_a_huge_push(self) -> None:
        """A list of 200 000 is replaced while mail goes on; what is longer than may be is refused before it is sent."""
        many = self.file_of("many", "".join(f"user{number}\n" for number in range(200_000)) + "alice\nbob\n")
        replaced = self.ran("recipients", "push", DOMAIN, "--replace", many)
        self.assertIn("version 2 is in force, 200002 recipients", replaced)
        self.assertEqual(send_one(self.node.port, "after")[:3], b"250")
        self.assertIn("listed", self.ran("recipients", "check", f"user199999@{DOMAIN}"))
        huge = self.file_of("huge", "")
        os.truncate(huge, (64 << 20) + 1)
        self.assertIn("more than 64 MiB", self.ran("recipients", "push", DOMAIN, "--add", huge, status=1))


class FetchedListTests(ControlCase):
    """A list that a child imports."""

    def setUp(self) -> None:
        self.customer = self.a_customer()
        self.node = self.a_node(self.customer.port, started=False)
        self.node.configure(domain={"recipients": f"csv:{self.node.directory}/list.csv"})
        self.listed = [f"user{number}@{DOMAIN}" for number in range(50)]
        self.file_of("list.csv", "\n".join(self.listed))
        self.node.start()
        self.node.wait_for_event("list_adopted")

    def test_import(self) -> None:
        """An import is followed to its end; a shrunk source is refused, shown, and accepted on purpose."""
        run = ("recipients", "import", DOMAIN)
        self.assertIn("nothing has changed: the source has what is in force", self.ran(*run))
        self.file_of("list.csv", "\n".join([*self.listed, f"new@{DOMAIN}"]))
        self.assertIn("version 2 is in force, 51 recipients", self.ran(*run))
        self.file_of("list.csv", self.listed[0])
        refused = self.ran(*run, status=1)
        self.assertIn("50 of 51 recipients would cease to exist, limit 20%", refused)
        self.assertIn("a new version was refused: 50 of 51", self.ran("status"))
        shown = self.ran("recipients", DOMAIN)
        self.assertIn("! a version with 1 recipient was refused: 50 of 51 recipients would cease to exist", shown)
        self.assertRegex(shown, r"import +refused: 50 of 51 .*; the next in ")
        self.assertIn("version 3 is in force, 1 recipient\n", self.ran("recipients", "accept", DOMAIN))
        self.assertEqual(self.ran("recipients", "check", self.listed[1], status=1), "")

    def test_a_source_that_fails(self) -> None:
        """Why a source cannot be read is told by the command, by the status and by the list."""
        (self.node.directory / "list.csv").unlink()
        for told in (
            self.ran("recipients", "import", DOMAIN, status=1),
            self.ran("status"),
            self.ran("recipients", DOMAIN),
        ):
            self.assertIn("no such file or directory", told)


class NoListTests(ControlCase):
    """A domain that takes everybody."""

    def setUp(self) -> None:
        self.customer = self.a_customer()
        self.node = self.a_node(self.customer.port, domain={"recipients": "any"})

    def test_there_is_nothing_to_change(self) -> None:
        """Each command that needs a list says that there is none."""
        for action, said in (
            ("import", "there is no source to import from"),
            ("enforce", "has no list: its recipients are set to 'any'"),
            ("observe", "has no list: its recipients are set to 'any'"),
            ("rollback", "it has no list"),
            ("accept", "nothing was refused"),
        ):
            self.assertIn(said, self.ran("recipients", action, DOMAIN, status=1))
        self.assertIn("it has no list", self.ran("recipients", "push", DOMAIN, "--add", "/dev/null", status=1))
        self.assertIn("there is no list: everybody is taken", self.ran("recipients", "check", f"x@{DOMAIN}"))
        self.assertIn("everybody is taken: there is no list", self.ran("recipients", DOMAIN))
