"""Which event of the journal opens or ends which alarm: a table of functions from an event's fields to what changes.

Pure and total: whatever the fields are, something comes out. Called by `alarms.board` for the events of `RULES` only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from shieldrelay.delivery.guard import Suspicion

Fields = Mapping[str, object]


@frozen
class Raise:
    """An alarm is open.

    :ivar kind: of ``alarms.kinds``.
    :ivar about: what of, ``""`` for the node.
    :ivar words: why, with figures.
    """

    kind: str
    about: str
    words: str


@frozen
class End:
    """An alarm is over, if it was open."""

    kind: str
    about: str
    words: str = ""


Change = Raise | End


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return "" if value is None else str(value)


def _attack(fields: Fields) -> tuple[Change, ...]:
    domain = _text(fields, "domain")
    if fields.get("shield") != "shield":
        return (End("attack", domain, f"{_text(fields, 'unknown')} unknown recipients in 10 minutes now"),)
    words = f"{_text(fields, 'unknown')} unknown recipients in 10 minutes, limit {_text(fields, 'threshold')}"
    return (Raise("attack", domain, words),)


def _breaker(fields: Fields) -> tuple[Change, ...]:
    domain, state = _text(fields, "domain"), _text(fields, "state")
    if state in ("open", "open here"):
        return (Raise("next_hop_down", domain, _text(fields, "reason") or "it does not answer"),)
    if state not in ("ramping", "closed"):
        return ()
    down = fields.get("down_seconds")
    return (End("next_hop_down", domain, f"it was down for {down} s" if down else "it takes mail again"),)


def _bounce_guard(fields: Fields) -> tuple[Change, ...]:
    domain = _text(fields, "domain")
    if fields.get("state") == Suspicion.HOLDING.value:
        return (Raise("bounce_guard", domain, _text(fields, "reason")),)
    return (End("bounce_guard", domain, f"{_text(fields, 'state')}: {_text(fields, 'reason')}"),)


def _list_stale(fields: Fields) -> tuple[Change, ...]:
    return (Raise("list_stale", _text(fields, "domain"), f"not confirmed for {_duration(fields.get('age'))}"),)


def _list_fresh(fields: Fields) -> tuple[Change, ...]:
    return (End("list_stale", _text(fields, "domain"), "it is confirmed again"),)


def _list_refused(fields: Fields) -> tuple[Change, ...]:
    return (Raise("list_refused", _text(fields, "domain"), _text(fields, "reason")),)


def _list_unreadable(fields: Fields) -> tuple[Change, ...]:
    return (Raise("list_unreadable", _text(fields, "domain"), _text(fields, "reason")),)


def _list_read(fields: Fields) -> tuple[Change, ...]:
    return (End("list_unreadable", _text(fields, "domain"), "its source was read"),)


def _list_adopted(fields: Fields) -> tuple[Change, ...]:
    domain, words = _text(fields, "domain"), f"a list of {_text(fields, 'entries')} is in force"
    return tuple(End(kind, domain, words) for kind in ("list_refused", "list_unreadable", "list_stale"))


def _list_damaged(fields: Fields) -> tuple[Change, ...]:
    return (Raise("list_damaged", _text(fields, "domain"), _text(fields, "reason")),)


def _headroom(fields: Fields) -> tuple[Change, ...]:
    words = _text(fields, "reason")
    return (End("disk", "", words or "there is room again"),) if fields.get("state") == "ok" else (
        Raise("disk", "", words),
    )  # fmt: skip


def _hub(fields: Fields) -> tuple[Change, ...]:
    if fields.get("state") == "degraded":
        return (Raise("hub", "", _text(fields, "reason") or "it does not answer"),)
    return (End("hub", "", f"the hub answers, {_text(fields, 'members')} members are there"),)


def _hub_refused(fields: Fields) -> tuple[Change, ...]:
    return (Raise("hub", "", _text(fields, "reason")),)


def _member_left(fields: Fields) -> tuple[Change, ...]:
    who = _member(fields)
    gone = End("member_unnamed", who, "it is gone")
    if fields.get("state") != "lost":
        return gone, End("member_lost", who, "it left in good order")
    return gone, Raise("member_lost", who, "it tells nothing any more")


def _member_joined(fields: Fields) -> tuple[Change, ...]:
    return (End("member_lost", _member(fields), "it is back"),)


def _member(fields: Fields) -> str:
    """Name a member as it is named after a restart too: its node, and which process of it."""
    process = fields.get("process")
    return _text(fields, "peer") + (f" worker {process}" if process else "")


def _taken_over(fields: Fields) -> tuple[Change, ...]:
    return (Raise("takeover", _text(fields, "member"), "its mail is being brought over"),)


def _brought_over(fields: Fields) -> tuple[Change, ...]:
    return (Raise("takeover", _text(fields, "member"), f"{_text(fields, 'messages')} messages were brought over"),)


def _taken_from_here(fields: Fields) -> tuple[Change, ...]:
    return (Raise("taken_from_here", "", _text(fields, "reason")),)


def _spool_failed(fields: Fields) -> tuple[Change, ...]:
    return (Raise("spool_failed", "", _text(fields, "error")),)


def _clock(fields: Fields) -> tuple[Change, ...]:
    if fields.get("state") == "wrong":
        return (Raise("clock", "", f"it is off by {_text(fields, 'seconds')} s"),)
    return (End("clock", "", "it is right again"),)


def _drift(fields: Fields) -> tuple[Change, ...]:
    if fields.get("state") == "unlike":
        return (Raise("drift", "", "in " + _listed(fields.get("sections"))),)
    return (End("drift", "", "they are alike again"),)


def _stress(fields: Fields) -> tuple[Change, ...]:
    if fields.get("state") == "stress":
        return (Raise("stress", "", _text(fields, "reason")),)
    return (End("stress", "", "it is over"),)


def _reload_refused(fields: Fields) -> tuple[Change, ...]:
    return (Raise("reload_refused", "", _listed(fields.get("reason"))),)


def _reloaded(_fields: Fields) -> tuple[Change, ...]:
    return (End("reload_refused", "", "a new configuration is in force"),)


def _bug(fields: Fields) -> tuple[Change, ...]:
    return (Raise("bug", _text(fields, "where"), _text(fields, "error") or "see the journal"),)


def _journal_lost(fields: Fields) -> tuple[Change, ...]:
    return (Raise("journal_lost", "", f"{_text(fields, 'lines')} lines are lost: {_text(fields, 'reason')}"),)


_NAMED: dict[str, tuple[str, int | None]] = {
    "share of the disk": ("domain_share", None),
    "orphaned mail": ("orphaned_mail", None),
    "lost part": ("lost_part", 0),
    "certificate of the administration": ("admin_certificate", 0),
    "zone": ("zone", 0),
    "dns": ("dns", 0),
    "DNS list": ("dns_list", 1),
    "feed": ("feed", 1),
    "worker": ("worker", 2),
}
"""The event ``alarm`` by its field of that name: the kind, and how many words of the reason say what it is about;
``None``: its ``domain`` does."""


def _alarm(fields: Fields) -> tuple[Change, ...]:
    kind, about = _named(fields)
    return (Raise(kind, about, _text(fields, "reason")),)


def _alarm_over(fields: Fields) -> tuple[Change, ...]:
    kind, about = _named(fields)
    return (End(kind, about, _text(fields, "reason")),)


def _named(fields: Fields) -> tuple[str, str]:
    name = _text(fields, "alarm")
    kind, words = _NAMED.get(name, ("other", -1))
    if words is None:
        return kind, _text(fields, "domain")
    return kind, name if words < 0 else " ".join(_text(fields, "reason").split(" ")[:words])


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else "" if value is None else str(value)


def _duration(seconds: object) -> str:
    return f"{seconds / 86400:.1f} days" if isinstance(seconds, int | float) else "long"


RULES: dict[str, Callable[[Fields], tuple[Change, ...]]] = {
    "harvest_shield": _attack,
    "breaker": _breaker,
    "bounce_guard": _bounce_guard,
    "list_stale": _list_stale,
    "list_fresh": _list_fresh,
    "list_refused": _list_refused,
    "list_import_failed": _list_unreadable,
    "list_import": _list_read,
    "list_adopted": _list_adopted,
    "list_replicated": _list_adopted,
    "list_damaged": _list_damaged,
    "headroom": _headroom,
    "hub_state": _hub,
    "hub_refused": _hub_refused,
    "member_left": _member_left,
    "member_joined": _member_joined,
    "adoption_begun": _taken_over,
    "adopted": _brought_over,
    "spool_taken_over": _taken_from_here,
    "spool_failed": _spool_failed,
    "clock_skew": _clock,
    "configuration_drift": _drift,
    "stress": _stress,
    "reload_refused": _reload_refused,
    "reload": _reloaded,
    "bug": _bug,
    "journal_lost": _journal_lost,
    "alarm": _alarm,
    "alarm_over": _alarm_over,
}
"""Event to what it changes."""
