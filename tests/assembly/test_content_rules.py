"""Claims about what content a domain takes."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from shieldrelay.assembly.translation import ContentRulesByDomain
from shieldrelay.config.networks import SmtpByNetwork
from shieldrelay.config.reader import read
from shieldrelay.smtp.limits import BareNewlines

DOMAIN = '[[domain]]\ndomain = "{0}"\nnext_hops = ["192.0.2.1"]\nrecipients = "any"\n{1}\n'


class ContentRulesTests(SynchronousTestCase):
    """The domain's word, the client's network's, the node's."""

    def test_each_domain_has_its_own(self) -> None:
        """Line length, size and bare newlines are the domain's where it says so; the smaller size counts (R9, R25)."""
        file = Path(self.mktemp())
        own = 'line_length = 998\nmessage_size = "1MiB"\nbare_newlines = "normalize"'
        text = '[node]\nhostname = "mx.test"\n[smtp]\nmessage_size = "2MiB"\n'
        file.write_text(text + DOMAIN.format("strict.test", own) + DOMAIN.format("usual.test", ""))
        configuration = read(str(file))
        rules = ContentRulesByDomain(configuration, SmtpByNetwork(configuration))
        strict, usual = (rules.content_rules(name, "192.0.2.9") for name in ("strict.test", "usual.test"))
        self.assertEqual((strict.line, strict.message_size), (998, 1 << 20))
        self.assertEqual((usual.line, usual.message_size), (65535, 2 << 20))
        self.assertEqual((strict.bare_newlines, usual.bare_newlines), (BareNewlines.NORMALIZE, BareNewlines.REFUSE))
        self.assertIs(rules.content_rules("strict.test", "192.0.2.10"), strict)
