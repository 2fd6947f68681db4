"""What ``[alarms]`` names must be there. Called by ``config.checks``.

Looks at the file system only to ask whether a named file can be read.
"""

from __future__ import annotations

from collections.abc import Iterator

from shieldrelay.config.alarms import check_url
from shieldrelay.config.finding import Finding, readable, secret
from shieldrelay.config.kinds import Unfit
from shieldrelay.config.schema import Configuration
from shieldrelay.config.secret import SecretFault, read_secret


def check_alarms(configuration: Configuration) -> Iterator[Finding]:
    """Look at the webhooks' files."""
    for name, webhook in configuration.alarms.webhook.items():
        at = ("alarms", "webhook", name)
        yield from secret((*at, "secret"), webhook.secret)
        yield from readable([((*at, "ca"), webhook.ca)])
        if webhook.url.file:
            try:
                check_url(read_secret(webhook.url.file).reveal().decode("ascii", "replace"))
            except (Unfit, SecretFault) as fault:
                yield Finding(((*at, "url"),), str(fault), "a file whose first line is a URL")
