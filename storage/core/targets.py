"""For whom something counts: the meters of the limits of one limiter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from ..errors import InvalidKeyError
from ..keys import check_key
from ..records import Meter
from .limits import Limit, form_of
from .subjects import SessionKey, escaped

_Part = tuple[Limit, Any, "str | None"]
"""A limit, its rule, and the form of its key if that has a template."""

_new: Final = tuple.__new__

Subject = int | str | SessionKey
"""Whom limits are for: a user or a chat by its number, or any text."""


class Target(NamedTuple):
    """The *meters* of somebody, and of which limits they are."""

    limits: tuple[Limit, ...]
    meters: tuple[Meter, ...]

    @property
    def is_one(self) -> bool:
        """Whether all of them count for the same key."""
        return all(meter.key == self.meters[0].key for meter in self.meters)


class Targets:
    """The meters of *limits* in the store that errors call by its *label*."""

    def __init__(self, limits: Sequence[Limit], label: str) -> None:
        self.limits: tuple[Limit, ...] = tuple(limits)
        self.rules: tuple[Any, ...] = tuple(limit.rule for limit in limits)
        self.most: int = min(rule.most for rule in self.rules)
        self.has_slots: bool = any(limit.algorithm == "slots" for limit in limits)
        self._label = label
        forms = [None if limit.key is None else form_of(limit.key) for limit in self.limits]
        self._parts: tuple[_Part, ...] = tuple(zip(self.limits, self.rules, forms))
        self.fields: frozenset[str] = frozenset[str]().union(*(limit.fields for limit in limits))
        self.wants_key: bool = any(limit.key is None for limit in limits)
        self._wants_only_key = all(limit.key is None for limit in limits)

    def of(self, key: Subject | None, values: Mapping[str, Subject]) -> Target:
        """The meters for *key*, and for *values* where limits have a template."""
        if key is not None and self._wants_only_key and not values:
            text = key if type(key) is str else self._text(key)
            rules = self.rules
            # What a call of the class does, without its detour.
            if len(rules) == 1:
                meters: tuple[Meter, ...] = (_new(Meter, (rules[0], text)),)
            else:
                meters = tuple([_new(Meter, (rule, text)) for rule in rules])
            target: Target = _new(Target, (self.limits, meters))
            return target
        if values.keys() ^ self.fields or (key is None) is self.wants_key:
            self._check(key, values)
            missing = ", ".join(f"{name}=..." for name in sorted(self.fields - values.keys()))
            raise ValueError(f"these limits want to know more: say {missing}")
        return self._chosen(self._parts, key, values)

    def known(self, key: Subject | None, values: Mapping[str, Subject]) -> Target:
        """The meters that *key* or *values* are enough to tell: of `"chat:{chat}"` for a chat, and
        not of what counts for everybody."""
        if key is not None and self._wants_only_key and not values:
            return self.of(key, values)
        self._check(key, values, partly=True)
        parts = []
        for part in self._parts:
            limit = part[0]
            if limit.key is None:
                is_known = key is not None
            elif limit.fields:
                is_known = limit.fields <= values.keys()
            else:
                is_known = key is None and not values
            if is_known:
                parts.append(part)
        if not parts:
            raise ValueError("none of these limits is for that")
        return self._chosen(parts, key, values)

    def check_cost(self, cost: int) -> None:
        """Refuse a cost that could never pass."""
        if isinstance(cost, bool) or not isinstance(cost, int):
            raise TypeError(f"a cost must be an int, not {type(cost).__name__}")
        if cost < 1:
            raise ValueError(f"a cost must be at least 1, not {cost}")
        if cost > self.most:
            raise ValueError(f"a cost of {cost} can never pass: {self.most} is the most")

    def _chosen(
        self,
        parts: Sequence[_Part],
        key: Subject | None,
        values: Mapping[str, Subject],
    ) -> Target:
        texts = {}
        for name, value in values.items():
            texts[name] = escaped(value if type(value) is str else self._text(value))
        chosen: dict[tuple[str, str], tuple[Limit, Meter]] = {}
        for limit, rule, form in parts:
            text = self._text(key) if form is None else form % texts
            # A chat and a user may be called the same: what would count twice counts once.
            one = rule.stored, text
            if one not in chosen:
                chosen[one] = limit, _new(Meter, (rule, text))
        target: Target = _new(Target, zip(*chosen.values()))
        return target

    def _check(
        self, key: Subject | None, values: Mapping[str, Subject], *, partly: bool = False
    ) -> None:
        unknown = values.keys() - self.fields
        if unknown:
            raise TypeError(f"no limit here has a field {', '.join(sorted(unknown))}")
        if key is None and self.wants_key and not partly:
            raise TypeError("for whom? say the key, such as a user's number")
        if key is not None and not self.wants_key:
            words = ", ".join(f"{name}=..." for name in sorted(self.fields))
            raise TypeError(f"these limits have keys of their own: say {words or 'nothing'}")

    def _text(self, key: object) -> str:
        if type(key) is str:
            return key
        if isinstance(key, (str, SessionKey)) or (
            isinstance(key, int) and not isinstance(key, bool)
        ):
            text = str(key)
            check_key(text, self._label)
            return text
        message = f"limits are for a str, an int or a SessionKey, not {type(key).__name__}"
        raise InvalidKeyError(message, store=self._label)
