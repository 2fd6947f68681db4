"""The control API's part that shows the configuration in force: every setting, its value, and where it comes from.

Secrets are not in it: they stand in files, of which the paths are shown; a password that somebody has written into a
URL is left out. Asked at the edge, from the configuration that the process goes by.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

from attrs import frozen

from shieldrelay.admin import parameters
from shieldrelay.admin.openapi_shapes import Parameter
from shieldrelay.admin.picture import as_json
from shieldrelay.admin.roles import Reach, Role
from shieldrelay.admin.router import Call, Route
from shieldrelay.config.schema import Configuration
from shieldrelay.config.setting import Keyed, Setting, declared_in

_PASSWORD = re.compile(r"(://[^:@/\s]*):[^@/\s]*@")


@frozen
class SettingPicture:
    """One setting in force.

    :ivar name: dotted, as in ``smtp.message_size``; a domain's begin with ``domain.NAME.``.
    :ivar value: numbers with their units' base: seconds, octets; lists as lists.
    :ivar origin: ``file:line``, or ``default``.
    :ivar domain: whose it is; empty: the node's.
    """

    name: str
    value: Any
    origin: str
    domain: str = ""


def configuration_route(configuration: Callable[[], Configuration]) -> Route:
    """Give the route.

    :param configuration: gives the one in force.
    """

    async def shown(call: Call) -> Any:
        parameters.only(call, "section")
        section = parameters.text(call.query.get("section"), "section")
        now = configuration()
        found = [as_json(each) for each in settings(now) if each.name.startswith(section)]
        return {"path": now.path, "fingerprint": now.fingerprint, "settings": found}

    return Route(
        "GET", "/api/v1/configuration", shown, needs=Role.VIEW, reach=Reach.NARROWED, narrow=_own,
        words="Show the configuration in force, and where each value comes from",
        query=(Parameter(name="section", words="names that begin so only", most=parameters.TEXT_CHARACTERS),),
        also={"path": str, "fingerprint": str, "settings": tuple[SettingPicture, ...]},
    )  # fmt: skip


def settings(configuration: Configuration) -> Iterator[SettingPicture]:
    """Give every setting that is in force."""
    yield from _of(configuration, "", configuration.origins, "")
    for number, domain in enumerate(configuration.domains):
        prefix = f"domain.{domain.domain}."
        origins = dict(configuration.origins)
        inline = f"domain.{number}."
        for name, origin in configuration.origins.items():
            if name.startswith(inline):
                origins.setdefault(prefix + name.removeprefix(inline), origin)
        yield from _of(domain, prefix, origins, domain.domain)


def _of(section: Any, prefix: str, origins: Mapping[str, str], domain: str) -> Iterator[SettingPicture]:
    for key, declared in declared_in(type(section)).items():
        value, name = getattr(section, key), prefix + key
        if isinstance(declared, Setting):
            yield SettingPicture(name, _plain(value), origins.get(name, "default"), domain)
        elif isinstance(declared, Keyed):
            for each, inner in value.items():
                yield from _of(inner, f"{name}.{each}.", origins, domain)
        elif value is not None:
            yield from _of(value, f"{name}.", origins, domain)


def _plain(value: Any) -> Any:
    """Give what JSON can hold."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return _PASSWORD.sub(r"\1:...@", str(value))


def _own(value: Any, domains: frozenset[str]) -> Any:
    own = [each for each in value["settings"] if each["domain"] in domains]
    return {**value, "path": "", "settings": [{**each, "origin": _known(each["origin"])} for each in own]}


def _known(origin: str) -> str:
    """Say whether it was written, and not where: files' names are the operator's."""
    return origin if origin == "default" else "configured"
