"""A name server on 127.0.0.1, in a thread of the test: TXT records from a table, over UDP.

Written with Twisted's codec for DNS messages, because the product asks with another library. It can hold its answers,
as a server that is slow or away does. Ended by `NameServer.close`.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping

from twisted.names import dns


class NameServer:
    """Answers questions about policies.

    :param policies: TXT record by domain; other names do not exist.
    :ivar port: UDP, on 127.0.0.1.
    """

    def __init__(self, policies: Mapping[str, str]) -> None:
        self._policies = dict(policies)
        self._answering = threading.Event()
        self._answering.set()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, name="names", daemon=True)
        self._thread.start()

    def hold(self) -> None:
        """Answer nobody from now on."""
        self._answering.clear()

    def go_on(self) -> None:
        """Answer again; what was asked meanwhile is not lost."""
        self._answering.set()

    def close(self) -> None:
        """End."""
        self._answering.set()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(30)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            octets, client = self._socket.recvfrom(4096)
            if not octets:
                return
            self._answering.wait(60)
            self._socket.sendto(self._answer(octets), client)

    def _answer(self, octets: bytes) -> bytes:
        question = dns.Message()
        question.fromStr(octets)
        asked = question.queries[0]
        policy = self._policies.get(str(asked.name).lower())
        answer = dns.Message(question.id, answer=1, recAv=1, rCode=dns.OK if policy else dns.ENAME)
        answer.queries = [asked]
        if policy and asked.type == dns.TXT:
            answer.answers = [dns.RRHeader(asked.name.name, dns.TXT, payload=dns.Record_TXT(policy.encode("ascii")))]
        return answer.toStr()
