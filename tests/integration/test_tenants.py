"""Two customers of one node: whoever is limited to one domain is shown nothing of the other, whatever they ask for."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
from collections.abc import Iterator
from urllib.parse import quote

from tests.integration.case import ProductCase
from tests.integration.clients import send_one
from tests.integration.node import Node, free_port

OTHER = "neighbour.test"
WORDS = ("neighbour", "hidden")
"""What is in everything of the other customer's: domain, recipients, senders, HELO names, reasons."""
SUFFIXES = ("", "?everywhere=true", "?limit=1000", f"?domain={OTHER}", f"?domain=example.test&about={OTHER}")


class TenantTests(ProductCase):
    """Over TCP, with a token of the role ``admin`` for one domain."""

    def test_nothing_of_another_customer_is_shown(self) -> None:
        """No request that looks answers with anything of another domain, but for what the request itself named."""
        node = self._two_customers()
        ids = [each["id"] for each in node.ask("GET", "queue")["messages"]]
        sessions = {line["session"] for line in node.journal() if line.get("session")}
        self.assertEqual(len(ids), 2)
        self.assertIn("hiddenbob", json.dumps(node.ask("GET", "trace?limit=1000")))
        asked = 0
        for target in self._targets(node, [*ids, *sorted(sessions)]):
            status, text = self._get(target)
            self.assertLess(status, 500, target)
            if status == 200:
                self.assertEqual([word for word in WORDS if word in text], [], f"{target}: {text[:500]}")
            asked += 1
        self.assertGreater(asked, 150)

    def _two_customers(self) -> Node:
        self.port = free_port()
        node = self.a_node(1, started=False, settings={
            "listen": {"admin": [f"127.0.0.1:{self.port}"]}, "trace": {"keep": "1d"},
            "delivery": {"probe": "1h", "retry": ["1h"]},
        })  # fmt: skip
        listed = node.directory / "neighbours"
        listed.write_text("hiddenbob\n")
        (node.directory / "domains.d" / f"{OTHER}.toml").write_text(
            f'domain = "{OTHER}"\nnext_hops = ["127.0.0.1:1"]\nrecipients = "file:{listed}"\n'
        )
        node.start()
        said = node.ctl("token", "create", "tom", "--role", "admin", "--domain", "example.test").stdout
        self.token = next(word for word in said.split() if word.startswith("srt_"))
        send_one(node.port, "own")
        self._say(
            node.port, "EHLO hidden.test", "MAIL FROM:<hidden@hidden.test>", f"RCPT TO:<hiddenbob@{OTHER}>",
            f"RCPT TO:<hiddennobody@{OTHER}>", "DATA", "Subject: hidden\r\n\r\nx\r\n.", "QUIT",
        )  # fmt: skip
        node.ask("POST", f"domains/{OTHER}/drill", {"minutes": 5})
        node.ask("POST", "entries", {"kind": "deny", "network": "192.0.2.7", "reason": f"hidden, of {OTHER}"})
        self.wait(lambda: len(node.ask("GET", "trace?event=session")["lines"]) > 1, "the index")
        return node

    def _targets(self, node: Node, ids: list[str]) -> Iterator[str]:
        """Give everything that can be looked at, with every name that somebody might try."""
        names = {
            "id": ids,
            "domain": ["example.test", OTHER, OTHER.upper(), f"{OTHER}."],
            "address": ["127.0.0.1", f"hiddenbob@{OTHER}", "alice@example.test"],
        }
        for path, methods in sorted(node.ask("GET", "openapi.json")["paths"].items()):
            if "get" in methods and not path.endswith(("/events", "/openapi.json")):
                wanted = [piece[1:-1] for piece in path.split("/") if piece.startswith("{")]
                for values in itertools.product(*(names[name] for name in wanted)):
                    filled = dict(zip(wanted, values, strict=True))
                    pieces = [quote(filled[each[1:-1]]) if each[:1] == "{" else each for each in path.split("/")]
                    yield from ("/".join(pieces) + suffix for suffix in SUFFIXES)

    def _get(self, target: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", target, headers={"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            return answer.status, json.dumps(answer.read().decode("utf-8", "replace"))
        finally:
            connection.close()

    def _say(self, port: int, *lines: str) -> None:
        with socket.create_connection(("127.0.0.1", port), 20) as one, one.makefile("rb") as file:
            for line in ("", *lines):
                if line:
                    one.sendall(line.encode() + b"\r\n")
                while file.readline()[3:4] == b"-":
                    pass
