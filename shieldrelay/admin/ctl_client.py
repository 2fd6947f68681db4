"""Talks to a node's control socket, or to its administration over TCP: one request, one JSON answer.

Standard library only, blocking.

Called by ``admin.ctl``. Fails with `Unreachable` when nobody answers, and with `Answered` when the node refuses.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

TIMEOUT_SECONDS = 30.0
PUSH_SECONDS = 600.0
"""How long a body that is no JSON may take: a list of a million recipients is built meanwhile."""


class Unreachable(Exception):
    """No node answers at the socket; ``args[0]`` says what to look at."""


class Answered(Exception):
    """The node refused.

    :param status: the HTTP status.
    :param message: why, a sentence.
    :param hints: what may have been meant.
    """

    def __init__(self, status: int, message: str, hints: tuple[str, ...]) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hints = hints


class Scattered(Exception):
    """All nodes were asked, and each gave an answer of its own.

    :param told: of each node: ``node``, ``status`` (0: it is silent), ``trouble``, and where it granted it, ``answer``.
    """

    def __init__(self, told: list[dict[str, Any]]) -> None:
        super().__init__()
        self.told = told


class _UnixConnection(http.client.HTTPConnection):
    """HTTP on a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the path."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def path_of(*pieces: str) -> str:
    """Give a path of the API from its pieces, percent-encoded."""
    return "/api/v1/" + "/".join(quote(piece, safe="", errors="surrogateescape") for piece in pieces)


class ControlClient:
    """Asks the node whose control socket lies at ``path``.

    :ivar silent: workers of the node that did not answer the last request.
    :ivar node: another node of the cluster, which is to answer through this one; ``""``: this one itself.
    :ivar everywhere: all nodes are to answer. Those that did not, or refused, are ``missing`` with the reason.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.node = ""
        self.everywhere = False
        self.missing: dict[str, str] = {}
        self.silent: tuple[int, ...] = ()

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        octets: bytes | None = None,
    ) -> Any:
        """Send one request and give the JSON value of the answer; octets, when it is no JSON.

        :param octets: a body that is no JSON, in the place of ``body``.
        :raises Unreachable: when nobody answers, or not HTTP.
        :raises Answered: for every status from 400 on.
        :raises Scattered: all nodes were to answer, and not with one list.
        """
        asked = {**(query or {}), **self._which()}
        target = path + ("?" + urlencode(asked) if asked else "")
        connection = self._connection(TIMEOUT_SECONDS if octets is None else PUSH_SECONDS)
        sent = octets if body is None else json.dumps(body).encode("ascii")
        try:
            connection.request(method, target, sent, self._fields(body is not None))
            response = connection.getresponse()
            value = _value(response)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(self._why(error)) from error
        finally:
            connection.close()
        if response.status >= 400:
            raise _refusal(response.status, value)
        if isinstance(value, dict):
            self.silent = tuple(value.get("silent", ()))
            if self.everywhere and "nodes" in value:
                self._gather(value["nodes"])
        return value

    def _which(self) -> dict[str, str]:
        """Say which nodes are to answer."""
        if self.everywhere:
            return {"everywhere": "true"}
        return {"node": self.node} if self.node else {}

    def _gather(self, nodes: list[dict[str, Any]]) -> None:
        """Note who is missing.

        :raises Scattered: each node's answer stands by itself.
        """
        self.missing.update((each["node"], each["trouble"]) for each in nodes if each["status"] != 200)
        if any("answer" in each for each in nodes):
            raise Scattered(nodes)

    def follow(self, path: str) -> Iterator[tuple[str, Any]]:
        """Give the name and the value of every event of a stream, until whoever asks has enough.

        A stream that the node ends in good order is asked for again.

        :raises Unreachable: as `ask`, at any time.
        :raises Answered: as `ask`.
        """
        while True:
            connection = self._connection(TIMEOUT_SECONDS)
            try:
                connection.request("GET", path, None, {**self._fields(False), "Accept": "text/event-stream"})
                response = connection.getresponse()
                if response.status >= 400:
                    raise _refusal(response.status, _value(response))
                yield from _events(response)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise Unreachable(self._why(error)) from error
            finally:
                connection.close()

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        """Make what asks."""
        return _UnixConnection(self._path, seconds)

    def _fields(self, is_json: bool) -> dict[str, str]:
        """Give the header fields of a request."""
        return {"Content-Type": "application/json" if is_json else "application/x-lines"}

    def _why(self, error: Exception) -> str:
        """Say what to do about a failure to reach the node."""
        if isinstance(error, FileNotFoundError):
            return f"there is no control socket at {self._path}: is the node running? (another path: --socket)"
        if isinstance(error, ConnectionRefusedError):
            return f"nobody answers at {self._path}: the node is not running"
        if isinstance(error, PermissionError):
            return f"{self._path} may not be opened by this user: try as root or as a member of the group shieldrelay"
        if isinstance(error, TimeoutError):
            return f"the node at {self._path} did not answer in time"
        if isinstance(error, OSError):
            return f"{self._path}: {error.strerror or error}"
        return f"what answers at {self._path} is no shieldrelay node"


def _value(response: http.client.HTTPResponse) -> Any:
    """Read an answer."""
    octets = response.read()
    kind = response.getheader("Content-Type", "application/json")
    return octets if response.status < 400 and not kind.startswith("application/json") else json.loads(octets)


def _refusal(status: int, value: Any) -> Answered:
    said = value["error"]
    return Answered(status, said["message"], tuple(said["hints"]))


def _events(response: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    """Give the events of one stream (HTML standard, section 9.2), until it ends."""
    name, data = "message", b""
    for raw in response:
        line = raw.rstrip(b"\r\n")
        if not line:
            if data:
                yield name, json.loads(data)
            name, data = "message", b""
        elif line.startswith(b"event:"):
            name = line[6:].strip().decode("ascii")
        elif line.startswith(b"data:"):
            data += line[5:].strip()


class WebClient(ControlClient):
    """Asks a node over TCP.

    :param url: ``https://node:8025``; ``http://`` reaches the loopback only.
    :param token_file: a file whose first line is a token.
    :param ca: certificates in PEM that may have signed the node's; empty: the system's.
    :raises Unreachable: the URL is none, or a file cannot be read.
    """

    def __init__(self, url: str, token_file: str, ca: str = "") -> None:
        super().__init__(url)
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError as error:
            raise Unreachable(f"{url} is no URL: {error}") from error
        if parts.scheme not in ("https", "http") or not self._host or parts.path not in ("", "/"):
            raise Unreachable(f"{url} is not of the form https://node:8025")
        self._context = None
        try:
            self._token = Path(token_file).read_text("ascii").partition("\n")[0].strip() if token_file else ""
            if parts.scheme == "https":
                self._context = ssl.create_default_context(cafile=ca or None)
        except (OSError, ValueError) as error:
            raise Unreachable(f"{token_file or ca}: {error}") from error
        if self._context is None and self._host not in ("127.0.0.1", "::1", "localhost"):
            raise Unreachable(f"{url}: a token is sent over https:// only, or on the loopback")

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        """Make what asks."""
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=seconds)
        return http.client.HTTPSConnection(self._host, self._port, timeout=seconds, context=self._context)

    def _fields(self, is_json: bool) -> dict[str, str]:
        """Show the token."""
        return {**super()._fields(is_json), "Authorization": f"Bearer {self._token}"}

    def _why(self, error: Exception) -> str:
        """Say what to do about a failure to reach the node."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"{self._path}: its certificate is not trusted ({error.verify_message}): name who signed it by --ca"
        if isinstance(error, ConnectionRefusedError):
            return f"nobody answers at {self._path}: is [listen] admin set, and the node running?"
        return super()._why(error)
