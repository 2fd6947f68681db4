"""A node's routes, asked as calls: no socket, no HTTP."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.admin.router import Document, Response, Router


class RoutesCase(SynchronousTestCase):
    """Asks `router`, which a test sets up.

    :cvar below: what each target that a test names stands below.
    """

    below = ""
    router: Router

    def ask(self, method: str, target: str, body: Any = None) -> Response:
        """Ask at once; the answer is what JSON can hold, or a document.

        :param body: octets as they are, or what is written as JSON.
        """
        octets = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        asking = self.router.answer(method, (self.below + target).encode(), octets)
        response: Response = self.successResultOf(Deferred.fromCoroutine(asking))
        if not isinstance(response.value, Document):
            json.loads(response.encode())
        return response

    def refusal(self, method: str, target: str, body: Any = None) -> tuple[int, str]:
        """Give status and code of a refusal."""
        response = self.ask(method, target, body)
        return response.status, response.value["error"]["code"]
