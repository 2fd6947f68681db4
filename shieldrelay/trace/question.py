"""What is searched for, and whether a line is it: `Question`, `Matcher`. Pure but for the veil's secret."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import fields as attributes
from attrs import frozen

from shieldrelay.trace import words
from shieldrelay.trace.reading import protected_domains
from shieldrelay.trace.settings import TraceSettings
from shieldrelay.trace.veil import Veil
from shieldrelay.trace.words import Fields

Test = Callable[[Fields], bool]


@frozen(kw_only=True)
class Question:
    """What is searched for; all that is not empty must hold. ``admin.api_trace.TraceQuestion`` says what each is."""

    sender: str = ""
    recipient: str = ""
    source: str = ""
    id: str = ""
    reason: str = ""
    event: str = ""
    defence: str = ""
    result: str = ""
    domain: str = ""
    since: float | None = None
    until: float | None = None
    limit: int = 100
    after: str = ""
    newer: str = ""


def question_of(value: Mapping[str, Any]) -> Question:
    """Read a question."""
    known = {each.name for each in attributes(Question)}
    return Question(**{name: each for name, each in value.items() if name in known})


class Matcher:
    """A question, as words that lead to blocks and as tests of their lines.

    :ivar keys: of the words that a line must have; those that fewest lines have come first.
    """

    def __init__(self, asked: Question, settings: TraceSettings, veil: Veil) -> None:
        self._settings = settings
        self._veil = veil
        self._words: list[str] = []
        self._tests: list[Test] = []
        self._needles: list[tuple[bytes, ...]] = []
        self._add(asked)
        self.keys = tuple(veil.key(word) for word in self._words)
        self._since = -1.0 if asked.since is None else asked.since
        self._until = float("inf") if asked.until is None else asked.until

    @property
    def span(self) -> tuple[float, float]:
        """The moments between which lines may be."""
        return self._since, self._until

    def candidates(self, lines: Sequence[bytes]) -> list[int]:
        """Give, in order, which lines of a block may fit, without reading them; most cannot."""
        if not self._needles:
            return [place for place, line in enumerate(lines) if line]
        whole = b"\n".join(lines).lower()
        rarest, *others = sorted(self._needles, key=lambda forms: sum(whole.count(form) for form in forms))
        found = sorted({place for form in rarest for place in _lines_with(form, whole)})
        if not others:
            return found
        small = {place: lines[place].lower() for place in found}
        return [place for place in found if all(any(form in small[place] for form in forms) for forms in others)]

    def fits(self, fields: Fields, at: float) -> bool:
        """Say whether a line is one."""
        return self._since <= at <= self._until and all(test(fields) for test in self._tests)

    def _add(self, asked: Question) -> None:
        if asked.id:
            self._words.append("i" + asked.id)
            self._need(asked.id)
            self._tests.append(lambda line: asked.id in _ids(line))
        self._add_address("r", asked.recipient, words.recipients)
        self._add_address("s", asked.sender, lambda line: [words.sender(line)])
        if asked.source:
            self._add_source(asked.source)
        if asked.reason:
            self._add_reason(asked.reason)
        for letter, wanted, given in (
            ("f", asked.defence, lambda line: words.text(line, "defence") or words.text(line, "check")),
            ("o", asked.result, words.result),
            ("e", asked.event, lambda line: words.text(line, "event")),
        ):
            if wanted:
                self._add_equal(letter, wanted, given)
        if asked.domain:
            self._words.append("d" + asked.domain)
            self._need(*self._names(asked.domain))
            self._tests.append(lambda line: asked.domain in protected_domains(self._settings, line))

    def _names(self, domain: str) -> tuple[str, ...]:
        """Give the names under which a line may be about a domain."""
        aliases = [name for name, terms in self._settings.domains.items() if terms.domain == domain]
        return tuple(dict.fromkeys([domain, *aliases]))

    def _need(self, *forms: str) -> None:
        """Note that one of some texts stands in the line, however it is spelled in JSON; letters' case apart."""
        if all(each.isascii() for each in forms):
            self._needles.append(tuple(json.dumps(each.lower())[1:-1].encode("ascii") for each in forms))

    def _add_equal(self, letter: str, wanted: str, given: Callable[[Fields], str]) -> None:
        self._words.append(letter + wanted)
        self._need(wanted)
        self._tests.append(lambda line: given(line) == wanted)

    def _add_address(self, letter: str, wanted: str, given: Callable[[Fields], list[str]]) -> None:
        if not wanted:
            return
        word = words.sought_address(letter, wanted)
        self._words.append(word)
        if wanted.startswith("@"):
            domain = wanted[1:].lower()
            self._need(domain)
            self._tests.append(lambda line: any(words.domain_of(each) == domain for each in given(line)))
            return
        forms = {word[1:], self._veil.veiled(wanted).lower()}
        if wanted != "<>":
            self._need(*forms)
        self._tests.append(lambda line: any(each.lower() in forms for each in given(line)))

    def _add_source(self, wanted: str) -> None:
        try:
            network = ipaddress.ip_network(wanted)
        except ValueError:
            network = None
        if network is None or network.num_addresses == 1:
            self._add_equal("p", wanted, words.source)
            return
        if network.prefixlen >= (24 if network.version == 4 else 64):
            self._words.append("n" + words.network(str(network.network_address)))
            if network.version == 4:
                self._need(str(network.network_address).rpartition(".")[0] + ".")
        self._tests.append(lambda line: _within(words.source(line), network))

    def _add_reason(self, wanted: str) -> None:
        found = words.plain_words(wanted)
        self._words += ["w" + each for each in found]
        for each in found:
            self._need(each)
        rest = [each for each in wanted.lower().split() if not words.plain_words(each)]

        def said(line: Fields) -> bool:
            texts = [words.text(line, name) for name in words.TEXTS]
            has = {word for text in texts for word in words.plain_words(text)}
            whole = " ".join([*texts, words.text(line, "status")]).lower()
            return has.issuperset(found) and all(each in whole for each in rest)

        self._tests.append(said)


def _lines_with(form: bytes, whole: bytes) -> Iterator[int]:
    """Give the numbers of the lines that have a text."""
    place, counted, at = 0, 0, whole.find(form)
    while at >= 0:
        place += whole.count(b"\n", counted, at)
        yield place
        counted = whole.find(b"\n", at)
        at = whole.find(form, counted) if counted >= 0 else -1


def _ids(line: Fields) -> set[str]:
    others = (*words.named(line, "sessions"), *words.named(line, "others"))
    return {*others, *(words.text(line, name) for name in words.IDS)}


def _within(address: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(address) in network
    except ValueError:
        return False
