"""How a route says what it takes and gives, and JSON Schema (2020-12) of that: from attrs pictures and their types.

Pure. Routes are declared with these (``admin.router.Route``); ``admin.openapi`` makes the document of them.
"""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any

import attrs
from attrs import frozen

Schema = dict[str, Any]


@frozen(kw_only=True)
class Parameter:
    """A parameter of a query, or a field of a JSON body.

    :ivar kind: ``string``, ``integer``, ``boolean``, ``number``, or ``array`` (of strings).
    :ivar least: bounds of a number; of a string, its length's; of an array, of how many it has.
    :ivar among: the only values there are.
    :ivar pattern: that a string has, as in ECMAScript.
    """

    name: str
    kind: str = "string"
    words: str = ""
    least: int | None = None
    most: int | None = None
    among: tuple[str, ...] = ()
    pattern: str = ""
    required: bool = False

    def schema(self) -> Schema:
        """Give its schema."""
        low, high = _BOUNDS.get(self.kind, ("minimum", "maximum"))
        schema: Schema = {"type": self.kind}
        if self.kind == "array":
            schema["items"] = {"type": "string"}
        if self.pattern:
            schema["pattern"] = self.pattern
        if self.least is not None:
            schema[low] = self.least
        if self.most is not None:
            schema[high] = self.most
        if self.among:
            schema["enum"] = list(self.among)
        return schema


_BOUNDS = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}


def fields_schema(fields: collections.abc.Sequence[Parameter]) -> Schema:
    """Give the schema of an object with these fields; further ones are not looked at."""
    properties = {one.name: {**one.schema(), **({"description": one.words} if one.words else {})} for one in fields}
    required = [one.name for one in fields if one.required]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


class Shapes:
    """Schemas of attrs classes, each under its name, as they are needed.

    :ivar named: what ``components/schemas`` is to have.
    :ivar kinds: of what they are made; two of one name are a bug.
    """

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}
        self.kinds: dict[str, type] = {}

    def of(self, kind: Any) -> Schema:
        """Give the schema of a type: of a picture, a reference."""
        if kind is Any:
            return {}
        simple = _SIMPLE.get(kind)
        if simple is not None:
            return dict(simple)
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            return self._union(inner)
        if origin in (tuple, list, collections.abc.Sequence):
            return {"type": "array", "items": self.of(inner[0])}
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        if isinstance(kind, type) and issubclass(kind, Enum):
            return {"type": "string", "enum": [each.value for each in kind]}
        return self._picture(kind)

    def _union(self, inner: tuple[Any, ...]) -> Schema:
        kinds = [self.of(each) for each in inner if each is not type(None)]
        if type(None) not in inner:
            return {"anyOf": kinds}
        if len(kinds) == 1 and isinstance(kinds[0].get("type"), str):
            return {**kinds[0], "type": [kinds[0]["type"], "null"]}
        return {"anyOf": [*kinds, {"type": "null"}]}

    def _picture(self, kind: Any) -> Schema:
        name = kind.__name__.removesuffix("Picture")
        if name not in self.named:
            self.named[name] = {}  # it may hold itself
            self.kinds[name] = kind
            hints = typing.get_type_hints(kind)
            properties = {each.name: self.of(hints[each.name]) for each in attrs.fields(kind)}
            words = (kind.__doc__ or "").strip().partition("\n")[0]
            self.named[name] = {
                "type": "object",
                "description": words,
                "properties": properties,
                "required": list(properties),
            }
        if self.kinds[name] is not kind:
            raise TypeError(f"{kind.__module__} and {self.kinds[name].__module__} have a {name} each")
        return {"$ref": f"#/components/schemas/{name}"}


_SIMPLE: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
}

AFTER = Parameter(name="after", words="where the page before ended, as it said", most=4000, pattern="^[!-~]*$")
BY = Parameter(name="by", words="who wants it; with a token or a session it is theirs", most=200)
FORCE = Parameter(name="force", kind="boolean", words="whatever the guards say")


def limit_of(most: int) -> Parameter:
    """Declare how long a page may be."""
    return Parameter(name="limit", kind="integer", words="at most so many", least=1, most=most)
