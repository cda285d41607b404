"""What a store tells its backend about how long things live."""

from __future__ import annotations

from ..errors import UnsupportedError
from ..ttl import DEFAULT, KEEP, Expiry, Keeping, Span, Ttl, span


class Lifetimes:
    """The lifetimes of a store, which errors call *label*: *default* milliseconds unless a call
    says otherwise. Where nothing *expires*, none is taken; where a `set` *keeps* ends, one that
    says nothing leaves that which is there."""

    def __init__(
        self, label: str, default: int | None, *, expires: bool, keeps: bool = False
    ) -> None:
        self._label = label
        self._expires = expires
        self._keeps = keeps
        self.default: int | None = default
        self.keeping: Keeping = Keeping(default)
        self.usual: Expiry = self.keeping if keeps else default
        self._check(default)

    def lasting(self, default: int | None) -> Lifetimes:
        """The same with another default."""
        return Lifetimes(self._label, default, expires=self._expires, keeps=self._keeps)

    def expiry(self, ttl: Ttl) -> Expiry:
        """What the backend is told about *ttl*; refuses one that nobody would watch."""
        if ttl is DEFAULT:
            return self.usual
        if ttl is KEEP:
            return self.keeping
        told = span(ttl)
        self._check(told)
        return told

    def touching(self, ttl: Ttl) -> Expiry:
        """What a touch with *ttl* tells the backend: without a default it moves nothing."""
        if ttl is DEFAULT:
            return self.keeping if self.default is None else self.default
        return self.expiry(ttl)

    def _check(self, told: Span) -> None:
        if told is not None and not self._expires:
            message = "nothing expires here: leave ttl out, or use another store"
            raise UnsupportedError(message, store=self._label)
