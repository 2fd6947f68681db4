"""Claims about the firewall's rule that setting up shows, put in force on the customer's machine."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.config.hosts import HostPort
from shieldrelay.setup.outside import nftables_rule
from tests.capabilities import possible
from tests.structure.source import ROOT

SECONDS = 120
_SCRIPT = """
try() {{
    python3 - "$1" <<'TRY' && echo "$1: let in" || echo "$1: kept out"
import socket, sys
socket.create_connection(("192.0.2.25", int(sys.argv[1].rpartition(" ")[2])), timeout=3).close()
TRY
}}
ip netns exec customer python3 -m http.server --bind 192.0.2.25 8080 >/dev/null 2>&1 &
cat >/run/others.nft <<'RULE'
table inet filter {{ chain input {{ type filter hook input priority 0; policy accept; tcp dport 25 accept; }}; }}
RULE
cat >/run/rule.nft <<'RULE'
{rule}RULE
ip netns exec customer nft -f /run/others.nft
sed s/198.51.100.10/203.0.113.9/ /run/rule.nft | ip netns exec customer nft -f -
ip netns exec customer nft -f /run/rule.nft
ip netns exec customer nft list table inet shieldrelay | grep -c drop
try "node 25"
export -f try
ip netns exec stranger bash -c 'try "stranger 25"; sleep 1; try "stranger 8080"'
ip netns exec customer bash -c 'try "customer 25"'
"""


@possible("root", "a world of its own", "nsd", "smtp-sink", "nftables")
class FirewallTests(SynchronousTestCase):
    """The rule for nftables."""

    def test_nodes_and_nobody_else(self) -> None:
        """Nodes and the machine itself come in, whoever else does not, and other ports are not its business.

        Another table that accepts does not undo it; put in force again, it takes the place of what it was.
        """
        rule = nftables_rule({"mx1.shield.example": ("198.51.100.10", "2001:db8::10")}, [HostPort("192.0.2.25", 25)])
        with tempfile.TemporaryDirectory() as scratch, tempfile.NamedTemporaryFile("w") as script:
            script.write(_SCRIPT.format(rule=rule))
            script.flush()
            done = subprocess.run(
                ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--propagation", "private",
                 "bash", str(Path(__file__).with_name("world.sh")), scratch, str(ROOT), script.name],
                capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False,
            )  # fmt: skip
        lines = done.stdout.splitlines()
        said = [line for line in lines if line.endswith((": let in", ": kept out")) or line.isdigit()]
        wanted = ["1", "node 25: let in", "stranger 25: kept out", "stranger 8080: let in", "customer 25: let in"]
        self.assertEqual(said, wanted, done.stderr)
