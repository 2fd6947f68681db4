"""What ``shieldrelayctl`` prints of the node's answers: functions from JSON values to text. Pure.

The values are those of ``admin.picture`` as JSON. Every string in them is shown through `harmless`: senders,
recipients, names of clients and header fields are strangers' text.
"""

from __future__ import annotations

from typing import Any

from shieldrelay.admin.ctl_text import age, clock_time, duration, harmless, size, table, until, with_nodes

ADDRESS_WIDTH = 40
REASON_WIDTH = 60


def status_view(status: dict[str, Any]) -> str:
    """Show the node: a few lines about it, then a table of domains, then what is wrong."""
    now = status["now"]
    blocks = [_node_lines(status), _domain_table(status["domains"], now), *_domain_notes(status["domains"], now)]
    blocks += [f"! {harmless(alarm)}" for alarm in status["alarms"]]
    return "\n".join(block for block in blocks if block)


def _node_lines(status: dict[str, Any]) -> str:
    now, spool, notices = status["now"], status["spool"], status["notices"]
    tls = "no certificate" if status["tls_expires"] is None else f"expires in {until(status['tls_expires'], now)}"
    unsent = f"{notices['withheld']} withheld, {notices['over_budget']} over budget"
    why = f" ({harmless(spool['reason'])})" if spool["reason"] else ""
    return "\n".join(
        (
            f"{harmless(status['node'])}  shieldrelay {status['version']}  up {age(status['started'], now)}",
            f"sessions  {status['sessions']} ({status['in_content']} sending content)",
            f"spool     {spool['state']}{why}: {size(spool['octets_free'])} and {spool['inodes_free']} files free",
            f"tls       {tls}",
            f"notices   {notices['queued']} waiting, {unsent}",
            f"stress    {_stress(status['stress'], now)}",
            f"hub       {_hub(status['hub'], now)}",
            *(_worker(one, now) for one in status["workers"]),
            "",
        )
    )


def _worker(one: dict[str, Any], now: float) -> str:
    """Show one process of a node that has several."""
    again = f", started {one['starts']} times" if one["starts"] > 1 else ""
    leads = ", fetches lists" if one["leads"] else ""
    told = f"{one['sessions']} sessions, {one['connections']} connections so far, {one['queued']} queued"
    what = f"up {age(one['since'], now)}: {told}" if one["state"] == "up" else one["state"].upper()
    return f"worker {one['number']:<2} {what}{leads}{again}"


def _stress(stress: dict[str, Any], now: float) -> str:
    if not stress["on"]:
        return "none"
    return f"for {age(stress['since'], now)}: {harmless(stress['reason'])}"


def _hub(hub: dict[str, Any], now: float) -> str:
    since = f" for {age(hub['since'], now)}" if hub["since"] is not None and hub["state"] != "shared" else ""
    members = f", {hub['members']} members" if hub["members"] > 1 else ""
    tick = f", every {1000 * hub['tick']:.0f} ms" if hub["tick"] is not None else ""
    why = f": {harmless(hub['reason'])}" if hub["reason"] else ""
    return f"{harmless(hub['hub'])} {harmless(hub['state'])}{since}{members}{tick}{why}"


def _domain_table(domains: list[dict[str, Any]], now: float) -> str:
    if not domains:
        return "! no domain is protected: every recipient is put off (451) until there is one"
    rows = [
        (
            one["domain"],
            one["breaker"],
            age(one["since"], now),
            str(one["queued"]),
            str(one["held"]),
            size(one["octets"]),
            age(one["oldest"], now),
            _drain(one, now),
            f"{one['in_flight']}/{one['ramp_limit']}",
        )
        for one in domains
    ]
    heads = ("DOMAIN", "NEXT HOP", "SINCE", "QUEUED", "HELD", "SIZE", "OLDEST", "DRAINED IN", "IN FLIGHT")
    words = {"closed": "up", "open": "DOWN"}
    return table(heads, [(row[0], words.get(row[1], row[1]), *row[2:]) for row in rows], frozenset({3, 4, 5, 6, 7, 8}))


def _drain(one: dict[str, Any], now: float) -> str:
    """Say how long the queue will take; without a server that answers nobody knows."""
    if not one["queued"]:
        return "-"
    if one["breaker"] in ("open", "probing"):
        return "when up"
    return "?" if one["drain"] is None else f"~{until(now + one['drain'], now)}"


def _domain_notes(domains: list[dict[str, Any]], now: float) -> list[str]:
    """Give a line for each thing about a domain that is not as usual."""
    notes = []
    for one in domains:
        name = harmless(one["domain"])
        if one["drill_until"] is not None:
            notes.append(f"! {name}: drill, the next hop is treated as down for {until(one['drill_until'], now)}")
        elif one["reason"]:
            notes.append(f"! {name}: {harmless(one['reason'])}")
        if one["suspicious_since"] is not None:
            since = age(one["suspicious_since"], now)
            notes.append(f"! {name}: suspicious refusals, held back for {since} (does the server know its users?)")
        if one["shield"] != "calm":
            since = f" for {age(one['shield_since'], now)}" if one["shield_since"] is not None else ""
            why = f": {harmless(one['shield_reason'])}" if one["shield_reason"] else ""
            state = "shielded against harvesting" if one["shield"] == "shield" else "wary of harvesting"
            notes.append(f"! {name}: {state}{since}{why}")
        if one["recipients_trouble"]:
            notes.append(f"! {name}: its list of recipients: {harmless(one['recipients_trouble'])}")
        for hop in one["next_hops"]:
            if hop["state"] == "down" and hop["reason"]:
                notes.append(f"! {name}: {harmless(hop['name'])} is down: {harmless(hop['reason'])}")
    return notes


def queue_view(page: dict[str, Any], now: float) -> str:
    """Show a page of the queue."""
    if not page["messages"]:
        return "the queue is empty"
    heads = ("ID", "STATE", "AGE", "NEXT TRY", "TRIES", "SIZE", "SENDER", "RECIPIENTS", "LAST TROUBLE")
    rows = [
        (
            one["id"],
            one["state"],
            age(one["arrived"], now),
            until(one["due"], now) if one["state"] == "waiting" else "-",
            str(one["attempts"]),
            size(one["size"]),
            harmless(one["sender"] or "<>", ADDRESS_WIDTH),
            _recipients(one["recipients"], one["domain"]),
            harmless(one["reason"], REASON_WIDTH),
        )
        for one in page["messages"]
    ]
    shown = len(rows)
    more = f"\n{shown} {'message' if shown == 1 else 'messages'}"
    if page["after"]:
        more = f"\n{shown} of {page['total']} messages; more: --after {harmless(page['after'])}"
    return with_nodes(heads, rows, frozenset({2, 3, 4, 5}), page["messages"]) + more


def _recipients(recipients: list[str], domain: str) -> str:
    if not recipients:
        return domain
    others = f" +{len(recipients) - 1}" if len(recipients) > 1 else ""
    return harmless(recipients[0], ADDRESS_WIDTH) + others


def message_view(one: dict[str, Any], now: float) -> str:
    """Show one message: envelope, attempts, next try, header."""
    attempts = f"{one['attempts']}, the last {duration(now - one['last_attempt'])} ago" if one["last_attempt"] else "0"
    facts = [
        ("id", one["id"]),
        ("domain", one["domain"]),
        ("state", one["state"]),
        ("arrived", f"{clock_time(one['arrived'])} ({age(one['arrived'], now)} ago)"),
        ("from client", one["client"] or "-"),
        ("size", size(one["size"])),
        ("sender", one["sender"] or "<>"),
        *(("recipient", f"{each['address']}  {each['state']}") for each in one["recipients"]),
        ("attempts", attempts),
        ("trouble", one["reason"] or "-"),
        ("next try", "-" if one["state"] != "waiting" else f"{clock_time(one['due'])} ({until(one['due'], now)})"),
        ("given up", clock_time(one["expires"])),
    ]
    lines = [f"{name:<12} {harmless(value)}" for name, value in facts]
    header = [harmless(line.replace("\t", "    ")) for line in one["header"].split("\r\n")]
    return "\n".join([*lines, "", *header]).rstrip()
