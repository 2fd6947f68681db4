"""The trace of a node of several processes: one of them keeps the index of all."""

from __future__ import annotations

import json
import os
import signal

from tests.integration.clients import send_one
from tests.workers.test_processes import WorkersCase


class WorkersTests(WorkersCase):
    def found(self, node):
        """Give who told the transactions that are found."""
        ran = node.ctl("trace", "--json", "--event", "transaction", "--limit", "1000")
        return json.loads(ran.stdout)["lines"] if ran.returncode == 0 else []

    def test_index_outlives_its_leader(self):
        """Mail of both workers is found; when the leader is killed, the other one keeps the index, each line once."""
        customer = self.a_customer()
        node = self.begin(customer.port, settings={"trace": {"keep": "7d", "free": "0B"}})
        for number in range(12):
            send_one(node.port, f"m{number}")
        self.wait(lambda: len(self.found(node)) == 12, "12 transactions")
        leader = next(one for one in node.ask("GET", "status")["workers"] if one["leads"])
        os.kill(leader["pid"], signal.SIGKILL)
        send_one(node.port, "last")
        self.wait(lambda: len(self.found(node)) == 13, "13 transactions", 60)
        self.assertEqual(len({one["message"] for one in self.found(node)}), 13)
