"""A running node with the site's scanners: what they find is refused in the session, and what their death costs."""

from __future__ import annotations

import re
import signal
import smtplib
import time
from collections.abc import Mapping

from tests.capabilities import possible
from tests.integration.case import ProductCase
from tests.integration.node import Node
from tests.scanners.servers import EICAR, Clamd
from tests.scanners.test_servers import LETTER, attached
from tests.structure.source import ROOT

PAGE = ROOT / "docs" / "plugins.md"


def sent(node: Node, letter: bytes, sender: str = "a@sender.test", helo: str = "client.test") -> tuple[int, str]:
    """Send a letter to alice; gives the last reply."""
    with smtplib.SMTP("127.0.0.1", node.port, helo, timeout=60) as client:
        client.ehlo()
        try:
            client.sendmail(sender, ["alice@example.test"], letter)
        except smtplib.SMTPResponseException as refusal:
            return refusal.smtp_code, str(refusal.smtp_error)
        except smtplib.SMTPRecipientsRefused as refused:
            ((code, words),) = refused.recipients.values()
            return code, str(words)
    return 250, ""


@possible("clamd", "root")
class ClamavTests(ProductCase):
    def setUp(self):
        self.clamd = Clamd()
        self.addCleanup(self.clamd.close)
        self.clamd.start()
        self.customer = self.a_customer()

    def node(self, **check: object) -> Node:
        terms: Mapping[str, object] = {"settings": {"server": self.clamd.server}, **check}
        return self.a_node(
            self.customer.port, settings={"content": {"plugins": ["clamav"]}, "content.check.clamav": terms}
        )

    def test_malware_never_leaves_the_session(self):
        """Malware is refused with 554 while its sender listens: nothing is passed on, spooled or bounced."""
        node = self.node()
        code, words = sent(node, attached(EICAR))
        self.assertEqual(code, 554)
        self.assertIn("it contains malware (Test.Eicar", words)
        self.assertEqual(sent(node, LETTER)[0], 250)
        self.assertEqual((node.spooled(), len(self.customer.taken())), ([], 1))
        told = node.wait_for_event("content_refused")
        self.assertEqual((told["check"], told["stage"], told["code"]), ("clamav", "content", 554))

    def test_a_hung_scanner_costs_three_budgets(self):
        """Three messages wait for a clamd that hangs; the next are answered at once, until it is back."""
        node = self.node(time_limit="1s")
        self.clamd.signal(signal.SIGSTOP)
        self.assertEqual([sent(node, LETTER)[0] for _ in range(3)], [451] * 3)
        began = time.monotonic()
        self.assertEqual([sent(node, LETTER)[0] for _ in range(10)], [451] * 10)
        self.assertLess(time.monotonic() - began, 10)
        node.wait_for_event("plugin_left_alone")
        self.clamd.signal(signal.SIGCONT)
        self.wait(lambda: sent(node, LETTER)[0] == 250, "clamd to be asked again", 60)
        node.wait_for_event("plugin_back")

    def test_a_dead_scanner_may_be_passed_over(self):
        """With ``failing = "accept"`` mail goes on while clamd is down; the journal says that it was not checked."""
        node = self.node(failing="accept")
        self.clamd.stop()
        self.assertEqual([sent(node, LETTER)[0] for _ in range(5)], [250] * 5)
        self.wait(lambda: len(node.journal("plugin_failed")) == 5, "five lines")
        failed = node.journal("plugin_failed")
        self.assertEqual([line["result"] for line in failed], ["accepted"] * 5)
        self.assertIn("asked again in", failed[-1]["reason"])


class PageTests(ProductCase):
    """The plugin of the page, as it stands there."""

    def test_the_example_of_the_page(self):
        """The twenty lines of `docs/plugins.md`, put into the plugin directory, refuse at MAIL what they say."""
        (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
        self.assertLessEqual(len(source.splitlines()), 20)
        name = re.findall(r'ShieldPlugin\("(\w+)"', source)[0]
        customer = self.a_customer()
        node = self.a_node(customer.port, started=False)
        plugins = node.directory / "plugins"
        plugins.mkdir()
        (plugins / f"{name}.py").write_text(source)
        node.configure(
            {
                "content": {"plugins": [name], "plugin_directory": str(plugins)},
                f"content.check.{name}": {"settings": {"domain": "unwanted.test"}},
            }
        )
        node.start()
        code, words = sent(node, LETTER, "x@unwanted.test")
        self.assertEqual(code, 550)
        self.assertIn("We take no mail from there", words)
        self.assertEqual(sent(node, LETTER, "x@wanted.test")[0], 250)
        self.assertEqual(node.wait_for_event("content_refused")["stage"], "mail")
        self.assertEqual(len(customer.taken()), 1)
