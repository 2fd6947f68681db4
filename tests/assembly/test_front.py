"""Where people and programs come in at a whole node: addresses, TLS, health, and a start that cannot be."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from contextlib import suppress as passing_over
from pathlib import Path

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from shieldrelay.admin.ctl_client import Answered, Unreachable, WebClient
from shieldrelay.admin.roles import Role
from shieldrelay.assembly import appliance
from shieldrelay.assembly.front import Front
from shieldrelay.assembly.service import ApplianceService
from shieldrelay.config.reader import read
from shieldrelay.wire.certificates import make_certificate
from shieldrelay.wire.listeners import ListenFault
from tests.assembly.node_case import NodeCase, free_port, reactor


@frozen
class Answer:
    """What came back."""

    status: int
    text: str


class FrontCase(NodeCase):
    """A node with addresses for its administration."""

    async def listening(self, listen: str, more: str = "") -> Front:
        """Start one; its ``[listen]`` has these lines too."""
        self.build(more=more)
        file = self.directory / "shieldrelay.toml"
        file.write_text(file.read_text().replace("[listen]\n", f"[listen]\n{listen}\n"))
        return await self.begun()

    async def begun(self) -> Front:
        """Build it anew from its file, and start it."""
        self.node.house.spool.close()
        self.node = type(self).built(self.directory / "shieldrelay.toml")
        self.node.privilegedStartService()
        self.node.startService()
        self.running = True
        await self.node.ready
        front = self.node.house.front
        assert front is not None
        return front

    @staticmethod
    def built(file: Path) -> ApplianceService:
        """Build a node from a file."""
        return appliance(read(str(file)), reactor)

    def token(self, front: Front, role: Role = Role.ADMIN) -> str:
        """Make one."""
        return front.tokens.create(role.value, role, (), "test", time.time())

    def get(
        self, port: int, path: str, token: str = "", tls: ssl.SSLContext | None = None
    ) -> Deferred[Answer]:
        """Ask over TCP, in a thread."""
        return deferToThread(_get, port, path, token, tls)


def _get(port: int, path: str, token: str, tls: ssl.SSLContext | None) -> Answer:
    if tls is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=tls)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        response = connection.getresponse()
        return Answer(response.status, response.read().decode())
    finally:
        connection.close()


def unverified() -> ssl.SSLContext:
    """Give a context that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class AddressTests(FrontCase):
    """What is spoken where."""

    async def test_plain_on_the_loopback(self) -> None:
        """There it is HTTP, the whole API answers whoever has a token, and a stranger gets 401."""
        front = await self.listening('admin = ["127.0.0.1:0"]')
        (port,) = front.addresses("admin")
        token = self.token(front)
        answer = await self.get(port, "/api/v1/status", token)
        self.assertEqual((answer.status, json.loads(answer.text)["node"]), (200, "relay.test"))
        self.assertEqual((await self.get(port, "/api/v1/status")).status, 401)
        described = json.loads((await self.get(port, "/api/v1/openapi.json", token)).text)
        self.assertIn("/api/v1/configuration", described["paths"])
        shown = json.loads((await self.get(port, "/api/v1/configuration?section=listen", token)).text)
        self.assertIn("listen.admin", [one["name"] for one in shown["settings"]])
        (told,) = self.journal("admin_listening")
        self.assertEqual((told["use"], told["tls"]), ("admin", False))

    async def test_tls_off_the_loopback(self) -> None:
        """An address that others reach is under TLS with the node's own certificate, and speaks nothing else."""
        front = await self.listening('admin = ["0.0.0.0:0"]')
        (port,) = front.addresses("admin")
        answer = await self.get(port, "/api/v1/status", self.token(front), unverified())
        self.assertEqual(answer.status, 200)
        with self.assertRaises((http.client.HTTPException, OSError)):
            await self.get(port, "/api/v1/status", "x")

    async def test_a_certificate_of_its_own(self) -> None:
        """With one the loopback is under TLS too; a renewed file is in force after a reload, a broken one is not."""
        files = self.certificate()
        front = await self.listening('admin = ["127.0.0.1:0"]', files)
        (port,) = front.addresses("admin")
        client = WebClient(f"https://127.0.0.1:{port}", self.token_file(front), str(self.directory / "admin.pem"))
        self.assertEqual((await deferToThread(client.ask, "GET", "/api/v1/status"))["node"], "relay.test")
        self.certificate()
        with self.assertRaises(Unreachable):
            renewed = WebClient(f"https://127.0.0.1:{port}", self.token_file(front), str(self.directory / "admin.pem"))
            await deferToThread(renewed.ask, "GET", "/api/v1/status")
        await self.steering.reload()
        self.assertEqual((await deferToThread(renewed.ask, "GET", "/api/v1/status"))["node"], "relay.test")
        (self.directory / "admin.pem").write_text("nonsense")
        await self.steering.reload()
        answer = await self.get(port, "/api/v1/status", self.token(front, Role.VIEW), unverified())
        self.assertEqual(answer.status, 200)

    async def test_the_command_over_tls(self) -> None:
        """A certificate that is not trusted, and one for another name, are refused before the token is sent."""
        front = await self.listening('admin = ["127.0.0.1:0"]', self.certificate("elsewhere.example"))
        (port,) = front.addresses("admin")
        for ca in ("", str(self.directory / "admin.pem")):
            with self.assertRaises(Unreachable) as fault:
                client = WebClient(f"https://127.0.0.1:{port}", self.token_file(front), ca)
                await deferToThread(client.ask, "GET", "/api/v1/status")
            self.assertIn("is not trusted", str(fault.exception))
        self.certificate()
        await self.steering.reload()
        wrong = self.directory / "wrong"
        wrong.write_text("srt_wrong\n")
        with self.assertRaises(Answered) as refused:
            client = WebClient(f"https://127.0.0.1:{port}", str(wrong), str(self.directory / "admin.pem"))
            await deferToThread(client.ask, "GET", "/api/v1/status")
        self.assertEqual(refused.exception.status, 401)

    def certificate(self, name: str = "127.0.0.1") -> str:
        """Write one; gives the section that names it."""
        (self.directory / "admin.pem").write_bytes(make_certificate(name, 10, now=time.time()).pem())
        file = self.directory / "admin.pem"
        return f'[admin]\ncertificate = "{file}"\nprivate_key = "{file}"\n'

    def token_file(self, front: Front) -> str:
        """Write a token into a file."""
        file = self.directory / "token"
        if not file.exists():
            file.write_text(self.token(front) + "\n")
        return str(file)


class HealthTests(FrontCase):
    """What machines ask."""

    async def test_health_of_a_node(self) -> None:
        """It lives and is ready; drained it lives and is not, with the reason. Its metrics are text."""
        front = await self.listening('metrics = ["127.0.0.1:0"]')
        (port,) = front.addresses("metrics")
        self.assertEqual(front.addresses("admin"), [])
        self.assertEqual(await self.get(port, "/healthz"), Answer(200, "ok\n"))
        self.assertEqual(await self.get(port, "/readyz"), Answer(200, "ready\n"))
        self.assertEqual((await self.get(port, "/metrics")).status, 200)
        self.assertEqual((await self.get(port, "/api/v1/status")).status, 404)
        self.node.members.drain("test", hand_over=False)
        self.assertEqual(await self.get(port, "/readyz"), Answer(503, "the node is out of service\n"))
        self.assertEqual((await self.get(port, "/healthz")).status, 200)


class StartTests(FrontCase):
    """Starts and ends."""

    async def test_an_address_that_is_taken(self) -> None:
        """The start fails and says so, and holds none of the other ports."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            other = free_port()
            self.build()
            self.node.house.spool.close()
            file = self.directory / "shieldrelay.toml"
            listen = f'[listen]\nmetrics = ["127.0.0.1:{other}"]\nadmin = ["127.0.0.1:{taken.getsockname()[1]}"]\n'
            file.write_text(file.read_text().replace("[listen]\n", listen))
            node = self.built(file)
            self.assertRaises(ListenFault, node.privilegedStartService)
        for port in (other, self.port):
            with socket.socket() as free:
                free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                free.bind(("127.0.0.1", port))

    async def test_after_the_end_nobody_is_answered(self) -> None:
        """The ports are free, and who listened to live events is let go."""
        front = await self.listening('admin = ["127.0.0.1:0"]\nmetrics = ["127.0.0.1:0"]')
        ports = [*front.addresses("admin"), *front.addresses("metrics")]
        listening = await deferToThread(_stream, ports[0], self.token(front))
        await self.stop()
        await deferToThread(_rest, listening)
        for port in ports:
            with socket.socket() as caller, self.assertRaises(ConnectionRefusedError):
                caller.connect(("127.0.0.1", port))


def _stream(port: int, token: str) -> socket.socket:
    """Begin to listen to live events."""
    caller = socket.create_connection(("127.0.0.1", port), timeout=20)
    caller.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    caller.recv(1, socket.MSG_PEEK)
    return caller


def _rest(caller: socket.socket) -> None:
    """Read to the end, however it comes; one that does not come is a timeout."""
    with caller, passing_over(ConnectionResetError):
        while caller.recv(65536):
            pass
