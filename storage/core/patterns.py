"""Patterns of keys, `user:{id}`: what a key is made of, read back from its text.

Two different sets of fields never make the same key. The text of a field has `%` and every
punctuation character of the pattern's own escaped, and such a character stands between two fields.
"""

from __future__ import annotations

import re
import string
from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from ..errors import ConfigurationError

Field = int | str

_PARTS: Final = re.compile(r"\{\{|\}\}|\{(?P<field>[^{}]*)\}|(?P<wrong>[{}])|[^{}]+")
_INTEGER: Final = "-?[1-9][0-9]*|0"
_ESCAPE: Final = re.compile("%..")
_MOST: Final = 2**63
_DIGITS: Final = "0123456789"
_ANYTHING: Final = "\U0010fffd"
"""Stands for all characters that no pattern names."""


class _Part(NamedTuple):
    """A literal text, or the field of a name."""

    text: str
    is_field: bool


class _Way(NamedTuple):
    """Where one of *chars*, or with *others* one that is none of them, leads."""

    chars: str
    others: bool
    to: int


class Pattern:
    """Keys as *text* writes them, with fields of the *kinds* `int` and `str`."""

    def __init__(self, text: str, kinds: Mapping[str, type]) -> None:
        self.text: str = text
        self.kinds: dict[str, type] = dict(kinds)
        self._parts = _parsed(text)
        literals = "".join(part.text for part in self._parts if not part.is_field)
        self.escaped: str = "".join(sorted({"%", *literals} & {*string.punctuation}))
        self._check()
        self.prefix: str = ""
        if self._parts and not self._parts[0].is_field:
            self.prefix = self._parts[0].text
        self._escape: dict[int, str] = {ord(c): f"%{ord(c):02X}" for c in self.escaped}
        self._unescape: dict[str, str] = {f"%{ord(c):02X}": c for c in self.escaped}
        self._match = re.compile("".join(map(self._expression, self._parts)), re.DOTALL).fullmatch

    def format(self, values: Mapping[str, Field]) -> str:
        """The key of *values*."""
        return "".join(
            self._written(values[part.text]) if part.is_field else part.text for part in self._parts
        )

    def parse(self, key: str) -> dict[str, Field] | None:
        """The values that *key* is made of; `None` for a key that this pattern does not make."""
        found = self._match(key)
        if found is None:
            return None
        values: dict[str, Field] = {}
        for name, text in zip((part.text for part in self._parts if part.is_field), found.groups()):
            values[name] = int(text[:20]) if self.kinds[name] is int else self._read(text)
        return values if self.format(values) == key and not self.refused(values) else None

    def refused(self, values: Mapping[str, object]) -> str | None:
        """The first field whose value is not one that it may have."""
        for name, kind in self.kinds.items():
            value = values[name]
            if type(value) is not kind:
                return name
            if isinstance(value, int) and not -_MOST <= value < _MOST:
                return name
        return None

    def common(self, other: Pattern) -> str | None:
        """A key that both patterns make, where there is one."""
        mine, theirs = _Automaton(self._parts, self), _Automaton(other._parts, other)
        alphabet = sorted({*_DIGITS, *"-%ABCDEF", *self.text, *other.text, _ANYTHING})
        start = (frozenset({0}), frozenset({0}))
        seen, pending = {start}, deque([("", start)])
        while pending:
            text, (one, two) = pending.popleft()
            if one & mine.ends and two & theirs.ends:
                return text
            for char in alphabet:
                reached = (mine.after(one, char), theirs.after(two, char))
                if all(reached) and reached not in seen:
                    seen.add(reached)
                    pending.append((text + char, reached))
        return None

    def _expression(self, part: _Part) -> str:
        if not part.is_field:
            return re.escape(part.text)
        if self.kinds[part.text] is int:
            return f"({_INTEGER})"
        return f"((?:[^{re.escape(self.escaped)}]|%[0-9A-F]{{2}})*)"

    def _written(self, value: Field) -> str:
        return value.translate(self._escape) if isinstance(value, str) else str(value)

    def _read(self, text: str) -> str:
        return _ESCAPE.sub(lambda found: self._unescape.get(found[0], ""), text)

    def _check(self) -> None:
        named = [part.text for part in self._parts if part.is_field]
        for name in named:
            if name not in self.kinds:
                raise ConfigurationError(f"there is no field for {{{name}}} in {self.text!r}")
            if named.count(name) > 1:
                raise ConfigurationError(f"{{{name}}} stands in {self.text!r} more than once")
        for name in self.kinds:
            if name not in named:
                raise ConfigurationError(f"the field {name} does not stand in {self.text!r}")
        self._check_apart()

    def _check_apart(self) -> None:
        """Refuse fields that nothing holds apart: their keys could be read in two ways."""
        before: str | None = None
        between = ""
        for part in self._parts:
            if not part.is_field:
                between = part.text
                continue
            if before is not None and not {*between} & {*self.escaped} - {"%"}:
                message = (
                    f"{self.text!r} needs a punctuation character other than % "
                    f"between {{{before}}} and {{{part.text}}}"
                )
                raise ConfigurationError(message)
            before, between = part.text, ""


class _Automaton:
    """Reads the keys of a pattern, one character after the other."""

    def __init__(self, parts: list[_Part], pattern: Pattern) -> None:
        self._ways: list[list[_Way]] = [[]]
        self.ends: frozenset[int] = frozenset({0})
        for part in parts:
            if not part.is_field:
                for char in part.text:
                    self.ends = frozenset({self._lead(self.ends, char)})
            elif pattern.kinds[part.text] is int:
                self._lead_through_integer()
            else:
                self._lead_through_text(pattern.escaped)

    def after(self, places: frozenset[int], char: str) -> frozenset[int]:
        """Where *char* leads to from *places*."""
        return frozenset(
            way.to
            for place in places
            for way in self._ways[place]
            if (char in way.chars) is not way.others
        )

    def _lead(
        self, places: frozenset[int], chars: str, to: int | None = None, *, others: bool = False
    ) -> int:
        if to is None:
            to = len(self._ways)
            self._ways.append([])
        for place in places:
            self._ways[place].append(_Way(chars, others, to))
        return to

    def _lead_through_integer(self) -> None:
        zero = self._lead(self.ends, "0")
        minus = self._lead(self.ends, "-")
        digits = self._lead(self.ends | {minus}, _DIGITS[1:])
        self._lead(frozenset({digits}), _DIGITS, digits)
        self.ends = frozenset({zero, digits})

    def _lead_through_text(self, escaped: str) -> None:
        inside = self._lead(self.ends, escaped, others=True)
        self.ends |= {inside}
        self._lead(frozenset({inside}), escaped, inside, others=True)
        for char in escaped:
            first = self._lead(self.ends, "%")
            second = self._lead(frozenset({first}), f"{ord(char):02X}"[0])
            self._lead(frozenset({second}), f"{ord(char):02X}"[1], inside)


def _parsed(text: str) -> list[_Part]:
    parts: list[_Part] = []
    for found in _PARTS.finditer(text):
        if found["wrong"]:
            raise ConfigurationError(f"{text!r} has a brace that is not closed or not opened")
        if found["field"] is not None:
            parts.append(_Part(found["field"], True))
            continue
        literal = {"{{": "{", "}}": "}"}.get(found[0], found[0])
        if parts and not parts[-1].is_field:
            literal = parts.pop().text + literal
        parts.append(_Part(literal, False))
    return parts
