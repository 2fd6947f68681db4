"""Renders ``docs/alarms.md`` from the declared alarms: ``python -m shieldrelay.alarms.render``."""

from __future__ import annotations

import sys
from pathlib import Path

from shieldrelay.alarms.board import ENDED_SECONDS, OPEN_MOST, SAME_SECONDS
from shieldrelay.alarms.kinds import KINDS
from shieldrelay.alarms.telling import LETTER_SECONDS, LOOK_SECONDS, SETTLE_SECONDS
from shieldrelay.alarms.webhook import GIVE_UP_SECONDS, LONGEST_PAUSE_SECONDS, QUEUE_MOST

PAGE = Path("docs/alarms.md")

_HEAD = f"""# Alarms

An alarm says that somebody should look, and later that it is over. `shieldrelayctl alarms` shows those that are
open, with `--all` also those that ended in the last {ENDED_SECONDS / 3600:.0f} hours; `GET /api/v1/alarms` has the
same. Each is told to the [journal](journal.md) as `alarm_opened` and `alarm_ended`. The table below is rendered
from `shieldrelay/alarms/kinds.py`.

One alarm of a kind is open about one thing. What is raised again within {SAME_SECONDS / 60:.0f} minutes of its end
is the same alarm still. At most {OPEN_MOST} are open at once.

## Being told

Nobody is told unless `[alarms]` names somebody:

    [alarms]
    mail_to = ["admin@example.com"]
    mail_level = "error"

    [alarms.webhook.pager]
    url = "https://alarms.example/hooks/shieldrelay"
    secret = "/etc/shieldrelay/secrets/webhook"

`shieldrelayctl alarms test` tells all who are named, whatever their level. The node looks every {LOOK_SECONDS:.0f}
s for what is new. The end is told when it has lasted {SETTLE_SECONDS:.0f} s, so that what comes and goes is told
once. What was told is kept in `state/alarms-told.json`: a restart tells nothing twice. Mail never waits for any of
this.

Of a node of several processes one tells, for all. In a cluster every node tells what it sees; `id` is the same on
all of them, so that a receiver can join them. A node whose processes all fail tells nobody: watch `/readyz` from
elsewhere.

### Webhooks

A `POST` of JSON: the fields of `GET /api/v1/alarms`, and `event`, which is `opened`, `ended` or `test`. With a
secret there is a header

    X-Shieldrelay-Signature: t=1800000000,v1=HEX

where `HEX` is the HMAC-SHA256 under the secret of the number, a dot, and the body. Refuse what is older than some
minutes, and compare in constant time. HTTPS is verified, by the system's authorities or `ca`; redirects are not
followed.

Any 2xx is taken as heard. Other 4xx than 408, 425 and 429 drop the message. All else is tried again, ever later up
to {LONGEST_PAUSE_SECONDS / 60:.0f} minutes, for {GIVE_UP_SECONDS / 3600:.0f} hours. {QUEUE_MOST} messages wait at
most; what is dropped is told to the journal (`alarm_undelivered`). What waits is in memory: a stop loses it.

### Mail

Letters go from the null reverse-path, by the way of failure notices (`[delivery] notices`), out of the spool:
nothing is ever answered to them, so they cannot loop. Alarms that come together come in one letter, and letters are
{LETTER_SECONDS:.0f} s apart. Give an address that does not depend on the server that this node protects.

## The week

Each domain that has `report_to` gets a report of its week on Mondays at 06:00 UTC: what was accepted and refused,
attacks, outages, mail that waited, the list of recipients, and the sources of whom most was refused.
`shieldrelayctl week DOMAIN` prints it at any time. Counts are kept in `state/weeks.json`, written once a minute. Of
the refusals of one session the first hundred are counted by domain. Each node of a cluster reports what it did
itself.

## All alarms

| alarm | level | about | what it means | what to do |
|---|---|---|---|---|
"""


def alarms_page() -> str:
    """Give the page."""
    rows = (
        f"| `{name}` | {kind.level.value} | {kind.about} | {kind.words} | {kind.todo} |\n"
        for name, kind in KINDS.items()
    )
    return _HEAD + "".join(rows)


def main(root: Path) -> None:
    """Write the page under ``root``, the project's directory."""
    (root / PAGE).write_text(alarms_page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
