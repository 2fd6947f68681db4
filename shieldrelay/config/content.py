"""Settings of ``[content]``: the site's plugins. Declarations only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

from attrs import frozen

from shieldrelay.config.kinds import Choice, Count, FilePath, Kind, ListOf, Maybe, Unfit, shown, text_of
from shieldrelay.config.mode import Mode, mode
from shieldrelay.config.quantities import Duration
from shieldrelay.config.records import AnyTable
from shieldrelay.config.setting import keyed, section, setting

_PLUGIN = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")


class Failing(Enum):
    """What becomes of a message whose check failed."""

    ACCEPT = "accept"
    TEMPFAIL = "tempfail"


@frozen
class PluginName(Kind[str]):
    """The name of a plugin's file, without ``.py``."""

    def parse(self, written: object) -> str:
        """Take a plain name in lower case."""
        text = text_of(written)
        if not _PLUGIN.match(text):
            raise Unfit(f"{shown(written)} is not the name of a plugin")
        return text

    @property
    def valid(self) -> str:
        """The form."""
        return "1 to 40 characters a-z, 0-9 and _, beginning with a letter"


@section
class Check:
    """On which terms a plugin takes part, and what it is given."""

    mode: Mode = mode("enforce: its refusals count. observe: they are journalled only. off: it is not asked.")
    time_limit: float | None = setting(
        Maybe(Duration("100ms", "4m")),
        default=None,
        example="10s",
        help="Until it has failed, the wait for its turn included; the client waits meanwhile. Without it: what the "
        "plugin declares, else 30s.",
    )
    failing: Failing | None = setting(
        Maybe(Choice(Failing)),
        default=None,
        example="accept",
        help="What becomes of the message when it fails: accept, as if it were not there; tempfail, the client comes "
        "again. Without it: what the plugin declares, else tempfail.",
    )
    at_once: int = setting(Count(1, 10_000), default=20, help="Messages that it has in hand at once.")
    settings: Mapping[str, object] = setting(
        AnyTable(), default={}, example={"required": 5}, help="What the plugin itself is set to; its own page says."
    )


@section
class Content:
    """Plugins: checks of complete messages, before they are offered to a next hop, and of what comes before."""

    plugins: tuple[str, ...] = setting(
        ListOf(PluginName()), default=[], example=["gtube"], help="The plugins that are asked, in this order."
    )
    plugin_directory: str = setting(
        FilePath(),
        default="/etc/shieldrelay/plugins",
        help="Where they are looked for, before those that come with the program.",
    )
    check: Mapping[str, Check] = keyed(
        PluginName(), Check, factory=dict, example="gtube", help="Terms of single plugins."
    )
