"""The API of a real node, held to its own description by requests that nobody thought of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.integration.case import ProductCase
from tests.integration.node import free_port

SECONDS = "20"
CHECKS = (
    "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "unsupported_method", "allow_header_conformance", "negative_data_rejection",
)  # fmt: skip
ELSEWHERE = (
    "/api/v1/events",  # never ends by itself
    "/api/v1/session",  # guesses are stopped, and everything else from that source with them
    "/api/v1/tokens/{name}",  # it would revoke the token that it asks with
)
"""Routes that other tests ask."""


class DescriptionTests(ProductCase):
    """What ``openapi.json`` says."""

    def test_the_api_is_as_described(self) -> None:
        """Statuses, types, shapes and methods are as declared, and what is not as declared is refused; no bug shows."""
        port = free_port()
        node = self.a_node(1, settings={"listen": {"admin": [f"127.0.0.1:{port}"]}})
        token = node.ctl("token", "create", "tester", "--role", "admin").stdout.strip()
        program = Path(sys.executable).parent / "schemathesis"
        command = [
            str(program), "run", f"http://127.0.0.1:{port}/api/v1/openapi.json", "--header",
            f"Authorization: Bearer {token}", "--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS),
            "--exclude-path-regex", "/push(ed)?$", "--generation-with-security-parameters", "false", "--no-color",
            "--generation-database", "none", "--seed", "1", "--max-examples", "15", "--max-time", SECONDS,
        ]  # fmt: skip
        for path in ELSEWHERE:
            command += ["--exclude-path", path]
        done = subprocess.run(command, cwd=node.directory, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-8000:])
        self.assertIn(" passed", done.stdout)
        self.assertEqual(node.journal("control_failed"), [])
