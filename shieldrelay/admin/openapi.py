"""The description of the API: OpenAPI 3.1, made of the table of routes; nothing is written twice.

Pure. Served at ``/api/v1/openapi.json``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from shieldrelay import __version__
from shieldrelay.admin.everywhere import EVERYWHERE, HERE_ALONE, NODE, answers_for_all
from shieldrelay.admin.openapi_shapes import Parameter, Schema, Shapes, fields_schema
from shieldrelay.admin.roles import Reach
from shieldrelay.admin.router import Route

OPEN = (("POST", "/api/v1/session"),)
"""Routes for who has not shown who they are."""

_REACHES = {
    Reach.NODE: "the whole node: not for who is limited to domains",
    Reach.EVERYBODY: "nothing of any domain",
    Reach.PATH: "the domain in the path",
    Reach.QUERY: "the domain that is named; who is limited to several must name one",
    Reach.MESSAGE: "the message's domain",
    Reach.ANSWER: "the domain that the answer names",
    Reach.NARROWED: "who is limited to domains sees theirs",
}
_REFUSALS = {
    "400": "The request makes no sense.",
    "401": "Nobody has been shown to ask.",
    "403": "Who asks may not.",
    "404": "There is no such thing, or it is none of the caller's.",
    "405": "The path knows other methods.",
    "409": "As things are, it cannot be done.",
    "413": "The body is too large.",
    "415": "The body is of a wrong media type.",
    "429": "There were too many failures to log in.",
    "500": "The node failed to answer; its journal says why.",
    "503": "The node cannot do this now.",
}
_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "hints"],
            "properties": {
                "code": {"type": "string", "description": "a word for programs"},
                "message": {"type": "string", "description": "a sentence for people"},
                "hints": {"type": "array", "items": {"type": "string"}},
            },
        }
    },
}
_EVERYWHERE: Schema = {
    "type": "object",
    "description": "What all nodes answered: of lists one list beside `nodes`, else each node's `answer`.",
    "required": ["nodes"],
    "properties": {
        "nodes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["node", "status", "trouble"],
                "properties": {
                    "node": {"type": "string"},
                    "status": {"type": "integer", "description": "as in HTTP; 0: the node is silent"},
                    "trouble": {"type": "string", "description": "why it is silent, or refuses"},
                    "answer": {"description": "as the node alone would have answered"},
                },
            },
        }
    },
}
_NAME = re.compile(r"\{(\w+)\}")


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Describe routes."""
    shapes = Shapes()
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.pattern, {})[route.method.lower()] = _operation(route, shapes)
    refusals = {
        f"Refused{status}": {"description": words, "content": _json({"$ref": "#/components/schemas/Error"})}
        for status, words in _REFUSALS.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "shieldrelay", "version": __version__, "description": _WORDS},
        "paths": paths,
        "components": {
            "schemas": {**shapes.named, "Error": _ERROR, "Everywhere": _EVERYWHERE},
            "responses": refusals,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-shieldrelay"},
            },
        },
        "security": [{"token": []}, {"session": []}],
    }


_WORDS = (
    "What a node shows of itself and what can be done with it. Moments are seconds since the epoch, sizes octets, "
    "durations seconds. Strings that came from strangers are as received. Of a node with several processes an answer "
    "may have `silent`: the numbers of those that did not answer. With a session, requests that change something carry "
    "its `csrf` in X-CSRF-Token."
)


def _operation(route: Route, shapes: Shapes) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _id(route),
        "summary": route.words,
        "description": f"Needs the role {route.needs.value}. Touches {_REACHES[route.reach]}.",
        "x-role": route.needs.value,
        "x-reach": route.reach.value,
        "parameters": _parameters(route),
        "responses": {
            "200": {"description": "It is so.", "content": _content(route, shapes)},
            **{status: {"$ref": f"#/components/responses/Refused{status}"} for status in _REFUSALS},
        },
    }
    if route.raw:
        operation["requestBody"] = {"content": {"application/x-lines": {"schema": {"type": "string"}}}}
    elif route.body:
        required = any(one.required for one in route.body)
        operation["requestBody"] = {"required": required, "content": _json(fields_schema(route.body))}
    if (route.method, route.pattern) in OPEN:
        operation["security"] = []
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    named = [Parameter(name=name, required=True, least=1) for name in _NAME.findall(route.pattern)]
    own = {one.name for one in route.query}
    where = () if route.pattern in HERE_ALONE or route.raw else (NODE, EVERYWHERE)
    asked = (*route.query, *(one for one in where if one.name not in own))
    return [_parameter(one, "path") for one in named] + [_parameter(one, "query") for one in asked]


def _parameter(one: Parameter, place: str) -> dict[str, Any]:
    words = {"description": one.words} if one.words else {}
    return {"name": one.name, "in": place, "required": one.required, "schema": one.schema(), **words}


def _content(route: Route, shapes: Shapes) -> dict[str, Any]:
    if route.kind:
        return {route.kind.partition(";")[0]: {"schema": {"type": "string"}}}
    whole = _own_content(route, shapes)
    if not answers_for_all(route) or "everywhere" in {one.name for one in route.query}:
        return _json(whole)
    return _json({"anyOf": [whole, {"$ref": "#/components/schemas/Everywhere"}]})


def _own_content(route: Route, shapes: Shapes) -> Schema:
    """Give the schema of what one node answers."""
    also = {name: shapes.of(kind) for name, kind in route.also.items()}
    more: Schema = {"type": "object", "properties": also, "required": list(also)}
    if route.answer is None:
        return more
    shape = shapes.of(route.answer)
    return {"allOf": [shape, more]} if also else shape


def _json(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _id(route: Route) -> str:
    pieces = [piece.strip("{}") for piece in route.pieces[2:]]
    return "_".join([route.method.lower(), *(piece.replace(".", "_").replace("-", "_") for piece in pieces)])


