"""What single values of the defences' settings cannot show: limits that contradict each other.

Pure. Called by `config.checks`.
"""

from __future__ import annotations

from collections.abc import Iterator

from shieldrelay.config.finding import Finding, readable
from shieldrelay.config.schema import Configuration


def check_shield(configuration: Configuration) -> Iterator[Finding]:
    """Look at ``[shield] [stress] [networks] [content] [recipients]``."""
    yield from _check_lists(configuration)
    yield from _check_analysis(configuration)
    yield from _check_harvest(configuration)
    yield from _check_reputation(configuration)
    yield from _check_stress(configuration)
    yield from _check_networks(configuration)
    yield from _check_content(configuration)
    if configuration.recipients.stale_after > configuration.recipients.old_after:
        yield Finding(
            (("recipients", "stale_after"), ("recipients", "old_after")),
            "stale_after is longer than old_after",
            "a list is stale first, and then old",
        )


def _check_lists(configuration: Configuration) -> Iterator[Finding]:
    shield = configuration.shield
    for network in shield.deny:
        if network in shield.allow:
            yield Finding(
                (("shield", "deny"), ("shield", "allow")),
                f"{network} is allowed and denied",
                "in one of the two lists; what is allowed is never refused (R18)",
            )
    for name, networks in (("allow", shield.allow), ("deny", shield.deny)):
        for network in networks:
            if networks.count(network) > 1:
                yield Finding((("shield", name),), f"{network} is there twice", "name each network once")
                break


def _check_analysis(configuration: Configuration) -> Iterator[Finding]:
    analysis, at = configuration.shield.analysis, ("shield", "analysis")
    orders = (
        ("slow", "refuse", "a source is slowed before it is refused"),
        ("refuse", "ban", "a source is refused before it is banned"),
        ("pause", "pause_most", "no answer waits longer than pause_most"),
        ("ban_for", "ban_most", "a source is banned for ban_most at most"),
    )
    for less, more, why in orders:
        if getattr(analysis, less) > getattr(analysis, more):
            yield Finding(((*at, less), (*at, more)), f"{less} is more than {more}", why)


def _check_harvest(configuration: Configuration) -> Iterator[Finding]:
    harvest = configuration.shield.harvest
    orders = (
        ("box", "box_max", "a source is cut off for box_max at most"),
        ("box_slow", "box_max", "a source is cut off for box_max at most"),
        ("wary_floor", "shield_floor", "a domain is wary before it is shielded"),
        ("wary_z", "shield_z", "a domain is wary before it is shielded"),
        ("tarpit", "tarpit_most", "no answer takes longer than tarpit_most"),
        ("uniform_commands", "refuse_after", "sessions are closed before connections are refused"),
    )
    for less, more, why in orders:
        if getattr(harvest, less) > getattr(harvest, more):
            at = ("shield", "harvest")
            yield Finding(((*at, less), (*at, more)), f"{less} is more than {more}", why)
    if list(harvest.patience) != sorted(harvest.patience):
        yield Finding((("shield", "harvest", "patience"),), "a step is shorter than the one before", "rising steps")


def _check_reputation(configuration: Configuration) -> Iterator[Finding]:
    reputation, at = configuration.shield.reputation, ("shield", "reputation")
    for less, more in (("throttle", "tempfail"), ("tempfail", "reject")):
        if getattr(reputation, less) > getattr(reputation, more):
            yield Finding(((*at, less), (*at, more)), f"{less} is more than {more}", "the worse, the higher the score")
    yield from readable([((*at, "feed", name, "ca"), feed.ca) for name, feed in reputation.feed.items()])
    export = reputation.export
    if (export.zone is None) != (not export.listen):
        yield Finding(
            ((*at, "export", "zone"), (*at, "export", "listen")), "zone and listen go together", "give both, or neither"
        )


def _check_stress(configuration: Configuration) -> Iterator[Finding]:
    if configuration.stress.leave >= configuration.stress.enter:
        yield Finding(
            (("stress", "leave"), ("stress", "enter")),
            "leave is not below enter",
            "stress ends at a lower share than it begins with, so that it does not flap",
        )


def _check_networks(configuration: Configuration) -> Iterator[Finding]:
    for network, overrides in configuration.networks.items():
        for name in ("connections_under_stress", "share"):
            if getattr(overrides, name) is not None and overrides.connections is None:
                at = ("networks", str(network))
                yield Finding(
                    ((*at, name),), "it has no effect without connections", "give the network connections too"
                )


def _check_content(configuration: Configuration) -> Iterator[Finding]:
    content = configuration.content
    if len(set(content.plugins)) < len(content.plugins):
        yield Finding((("content", "plugins"),), "a plugin is there twice", "name each plugin once")
    for name in content.check:
        if name not in content.plugins:
            yield Finding(
                (("content", "check", name), ("content", "plugins")),
                f"{name} is not among the plugins",
                "name it in [content] plugins, or leave this out",
            )
