"""A domain's week at this process, for the API and the weekly mail. Changes nothing. Used by `assembly.watch`."""

from __future__ import annotations

from attrs import evolve

from shieldrelay.admin.picture import as_json
from shieldrelay.admin.picture_alarms import ReportPicture, SourceCountPicture
from shieldrelay.alarms import report
from shieldrelay.assembly.house import House
from shieldrelay.metrics.week import WEEK_SECONDS, Weeks

SOURCES_SHOWN = 10


async def report_of(house: House, weeks: Weeks, domain: str, *, last: bool) -> ReportPicture:
    """Give a protected domain's week."""
    week, now = weeks.week(domain, last=last), house.wall()
    way, lists = house.ways.get(domain), house.recipients.lists
    worst = sorted(week.sources.items(), key=lambda one: -one[1])[:SOURCES_SHOWN]
    anyone = house.configuration.domains_by_name()[domain].recipients.anyone
    made = ReportPicture(
        domain=domain,
        node=house.configuration.node.hostname,
        since=weeks.begin - WEEK_SECONDS if last else weeks.begin,
        until=weeks.begin if last else now,
        accepted=week.accepted,
        refused=week.refused,
        by=dict(week.by),
        attacks=week.attacks,
        attack_seconds=round(week.attack_seconds, 1),
        spooled=week.spooled,
        delivered=week.delivered,
        expired=week.expired,
        outages=week.outages,
        outage_seconds=round(week.outage_seconds, 1),
        queued=0 if way is None else way.queue.window.total,
        held=len(await house.spool.held(domain)),
        recipients=lists.directory.size(domain),
        confirmed=None if anyone else lists.freshness(domain, now)[1],
        sources=tuple(SourceCountPicture(source, refused) for source, refused in worst),
        words="",
    )
    return evolve(made, words=report.text(as_json(made)))
