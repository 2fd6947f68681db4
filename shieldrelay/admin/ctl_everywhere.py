"""``shieldrelayctl --everywhere``: a command that all nodes of the cluster answer. Standard library only.

What is a list comes as one list of all, each row with its node. Everything else is shown node by node: the command is
run again for each, with what that node has said already.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from shieldrelay.admin.ctl_client import Answered, ControlClient, Scattered
from shieldrelay.admin.ctl_outcome import DONE, REFUSED, complain, with_hints
from shieldrelay.admin.ctl_text import harmless


class _Said(ControlClient):
    """Gives what a node has said already; what is asked after that, it is asked."""

    def __init__(self, client: ControlClient, node: str, answer: Any) -> None:
        super().__init__("")
        self._client, self._node = client, node
        self._answers = [answer]

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        octets: bytes | None = None,
    ) -> Any:
        """Give the answer, or ask the node."""
        if self._answers:
            return self._answers.pop()
        client = self._client
        client.everywhere, client.node = False, self._node
        try:
            return client.ask(method, path, query, body, octets)
        finally:
            client.everywhere, client.node = True, ""


def run_everywhere(client: ControlClient, arguments: argparse.Namespace) -> int:
    """Run a command for all nodes, and say who did not answer.

    :returns: the exit status: the worst of the nodes', and at best 1 when one is silent or refuses.
    """
    try:
        status = int(arguments.run(client, arguments))
    except Scattered as scattered:
        status = max([_shown(client, each, arguments) for each in scattered.told if "answer" in each], default=DONE)
    for node, trouble in client.missing.items():
        status = max(status, complain(f"{harmless(node)}: {harmless(trouble) or 'it does not answer'}", REFUSED))
    return status


def _shown(client: ControlClient, told: Mapping[str, Any], arguments: argparse.Namespace) -> int:
    """Run the command with what one node said."""
    print(f"== {harmless(told['node'])}")
    try:
        return int(arguments.run(_Said(client, told["node"], told["answer"]), arguments))
    except Answered as fault:
        return complain(with_hints(fault))
