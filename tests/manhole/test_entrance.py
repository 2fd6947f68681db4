"""The prompt, by a real ``ssh``: who comes in, what is written down, what it cannot do."""

from __future__ import annotations

import shutil
import stat
import tempfile
from pathlib import Path

from twisted.conch.error import ConchError
from twisted.conch.ssh.keys import Key

from shieldrelay.manhole.hostkey import FILE, HostKeyFault, host_key
from tests.capabilities import possible
from tests.manhole.case import ManholeCase, ssh


@possible("ssh")
class LogInTests(ManholeCase):
    """Coming in."""

    async def test_a_prompt(self) -> None:
        """Who has a key gets the banner and a prompt, and sees what lines come to."""
        out, _, status = await self.type("box['answer'] + 1\rbox['answer'] = 'mended'\r1/0\rexit()\r", "-tt")
        self.assertIn("Mind the step.", out)
        self.assertIn("43", out)
        self.assertIn("ZeroDivisionError", out)
        self.assertEqual((self.box["answer"], status), ("mended", 0), out)

    async def test_without_a_terminal(self) -> None:
        """Lines may come from a pipe; their end ends the log-in."""
        out, _, status = await self.type("print(box['answer'] * 2)\n")
        self.assertIn("84", out)
        self.assertEqual(status, 0)

    async def test_every_line_is_told_before_it_runs(self) -> None:
        """The journal has who came in, each line even if it fails, and the end."""
        await self.type("box['seen'] = 1\rraise SystemExit(3)\r", "-tt")
        lines = [each["line"] for each in self.told("manhole_line")]
        self.assertEqual(lines, ["box['seen'] = 1", "raise SystemExit(3)"])
        await self.until(lambda: self.told("manhole_closed"))
        who = {each["who"] for name in ("opened", "line", "closed") for each in self.told(f"manhole_{name}")}
        self.assertEqual(who, {"carol (carol@mending.test)"})
        self.assertEqual(self.told("manhole_closed")[0]["lines"], 2)

    async def test_strangers_are_not_let_in(self) -> None:
        """Another key, no key and a password come to nothing, and the journal says which key it was."""
        out, err, status = await self.type("1\r", identity=self.stranger)
        self.assertEqual((out, status), ("", 255))
        self.assertIn("Permission denied (publickey)", err)
        refused = self.told("manhole_refused")
        self.assertTrue(str(refused[0]["who"]) == "carol" and refused[0]["key"], refused)
        self.assertFalse(self.told("manhole_opened"))

    async def test_a_key_taken_out_is_out(self) -> None:
        """The file of keys is read at each log-in; what others may write is not believed."""
        text = self.keys.read_text()
        self.keys.write_text("nonsense here\nssh-ed25519 AAAA\n" + text)
        self.assertIn("42", (await self.type("box['answer']\r", "-tt"))[0])
        self.assertEqual(len(self.told("manhole_keys")) % 2, 0)
        self.keys.write_text("# nobody\n")
        self.assertEqual((await self.type("1\r"))[2], 255)
        self.keys.write_text(text)
        self.keys.chmod(0o666)
        self.assertEqual((await self.type("1\r"))[2], 255)
        self.assertIn("others than its owner", str(self.told("manhole_keys")[-1]["reason"]))

    async def test_nothing_but_a_prompt(self) -> None:
        """There are no commands, no files and no forwarded ports."""
        from twisted.internet.threads import deferToThread

        port = self.entrance.port
        out, _, status = await deferToThread(ssh, port, self.identity, "", command=("id",))
        self.assertEqual((out.strip(), status), ("there are no commands here: log in for a prompt", 1))
        _, _, status = await deferToThread(ssh, port, self.identity, "", "-s", command=("sftp",))
        self.assertNotEqual(status, 0)
        _, err, status = await deferToThread(
            ssh, port, self.identity, "", "-o", "ExitOnForwardFailure=yes", "-W", f"127.0.0.1:{port}"
        )
        self.assertNotEqual(status, 0, err)
        self.flushLoggedErrors(ConchError)  # the library tells what it refused

    async def test_outdated_algorithms_are_not_spoken(self) -> None:
        """A client that knows nothing better than CBC, SHA-1 or MD5 is not spoken to."""
        for option in (("-c", "aes128-cbc"), ("-m", "hmac-sha1"), ("-o", "KexAlgorithms=diffie-hellman-group14-sha1")):
            _, err, status = await self.type("1\r", *option)
            self.assertEqual(status, 255, err)
        self.assertFalse(self.told("manhole_opened"))
        self.flushLoggedErrors()

    async def test_a_unix_socket(self) -> None:
        """On a unix socket only its owner gets as far as the keys; a socket left behind is replaced, a file is not."""
        directory = Path(tempfile.mkdtemp(prefix="srm", dir="/tmp"))  # the name of a socket must be short
        self.addCleanup(shutil.rmtree, directory)
        path = directory / "manhole.sock"
        first = self.open(str(path))
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(first.port, 0)
        proxy = f"ProxyCommand=python3 -c \"{_PIPE}\" {path}"
        out, err, _ = await self.type("box['answer']\r", "-tt", "-o", proxy)
        self.assertIn("42", out, err)


class LimitTests(ManholeCase):
    """Ends."""

    idle = 0.5

    @possible("ssh")
    async def test_nobody_types(self) -> None:
        """Who types nothing for long is sent away."""
        from twisted.internet.threads import deferToThread

        out, _, _ = await deferToThread(_waiting, self.entrance.port, self.identity)
        self.assertIn("nobody typed for long", out)
        await self.until(lambda: self.told("manhole_closed"))
        self.assertEqual(len(self.told("manhole_closed")), 1)

    def test_the_host_key_is_made_once(self) -> None:
        """It is for its owner alone, stays the same, and one that makes no sense is left where it is."""
        state = self.directory / "state"
        self.assertEqual(stat.S_IMODE((state / FILE).stat().st_mode), 0o600)
        again: Key = host_key(state)
        self.assertEqual(again.fingerprint(), host_key(state).fingerprint())
        (state / FILE).write_text("nonsense")
        self.assertRaises(HostKeyFault, host_key, state)
        self.assertEqual((state / FILE).read_text(), "nonsense")


_PIPE = (
    "import socket,sys,os,threading as t;s=socket.socket(1);s.connect(sys.argv[1]);"
    "p=lambda r,w:[w(b) for b in iter(r,b'')];"
    "t.Thread(target=p,args=(lambda:os.read(0,9999),s.sendall),daemon=True).start();"
    "p(lambda:s.recv(9999),lambda b:os.write(1,b))"
)


def _waiting(port: int, identity: object) -> tuple[str, str, int]:
    """Log in, and keep the input open."""
    import os
    import subprocess
    from pathlib import Path

    from tests.capabilities import program

    reading, writing = os.pipe()
    try:
        own = Path(str(identity))
        done = subprocess.run(
            [program("ssh"), "-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
             "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-tt", "-i", str(own), "-p", str(port), "carol@127.0.0.1"],
            stdin=reading, capture_output=True, timeout=30,
        )  # fmt: skip
    finally:
        os.close(reading)
        os.close(writing)
    return done.stdout.decode(), done.stderr.decode(), done.returncode
