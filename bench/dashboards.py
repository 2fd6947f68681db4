"""Browsers that look at a node: ``python -m bench.dashboards PORT TOKEN COUNT``, until standard input ends.

Each asks what an open overview asks: the live events, and every few seconds members, alarms and what happened lately.
Says ``open`` when all of them hear, and how many events and answers there were at the end, as JSON.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections import Counter

EVERY_SECONDS = (("members", 10.0), ("alarms?open=yes", 5.0), ("happenings?limit=30", 5.0))
"""What is asked again and again, with the seconds between."""
HOST = "127.83.83.83"


class Dashboard(threading.Thread):
    """One browser.

    :param counted: where it counts what it heard.
    """

    def __init__(self, port: int, token: str, counted: Counter[str], ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._fields = {"Authorization": f"Bearer {token}"}
        self._counted = counted
        self._ended = ended
        self.hears = threading.Event()

    def run(self) -> None:
        """Listen; a stream that the node ends is asked for again, as browsers do."""
        threading.Thread(target=self._ask, daemon=True).start()
        while not self._ended.is_set():
            stream = http.client.HTTPConnection(HOST, self._port, timeout=30)
            stream.request("GET", "/api/v1/events", headers=self._fields)
            response = stream.getresponse()
            while line := response.readline():
                if line.startswith(b"event: status"):
                    self._counted["events"] += 1
                    self.hears.set()

    def _ask(self) -> None:
        due = {path: time.monotonic() for path, _ in EVERY_SECONDS}
        connection = http.client.HTTPConnection(HOST, self._port, timeout=30)
        while not self._ended.wait(0.2):
            for path, seconds in EVERY_SECONDS:
                if due[path] <= time.monotonic():
                    due[path] += seconds
                    connection.request("GET", f"/api/v1/{path}", headers=self._fields)
                    answer = connection.getresponse()
                    answer.read()
                    self._counted[f"answers {answer.status}"] += 1


def main(words: list[str]) -> None:
    """Run as the command line says."""
    port, token, count = int(words[0]), words[1], int(words[2])
    counted, ended = Counter[str](), threading.Event()
    dashboards = [Dashboard(port, token, counted, ended) for _ in range(count)]
    for each in dashboards:
        each.start()
        time.sleep(5.0 / count)  # people do not open their browsers at the same instant
    if not all(each.hears.wait(20) for each in dashboards):
        sys.exit("some hear nothing")
    print("open", flush=True)
    sys.stdin.read()
    ended.set()
    print(json.dumps(counted), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
