"""What a store tells its backend about how long things live."""

from __future__ import annotations

from ..errors import UnsupportedError
from ..offers import no_step
from ..records import Capabilities
from ..ttl import DEFAULT, KEEP, Expiry, Keeping, Span, Ttl, span


class Lifetimes:
    """The lifetimes of a store that errors call *label* and that *can* do so much: *default*
    milliseconds unless a call says otherwise. Where nothing expires, none is taken, and where
    nothing looks and writes at once, none is kept or moved. Where a `set` *keeps* ends, one that
    says nothing leaves that which is there."""

    def __init__(
        self, label: str, default: int | None, can: Capabilities, *, keeps: bool = False
    ) -> None:
        self._label = label
        self._can = can
        self._keeps = keeps
        self.default: int | None = default
        self.keeping: Keeping = Keeping(default)
        self.usual: Expiry = self.keeping if keeps else default
        self._check(default)

    def lasting(self, default: int | None) -> Lifetimes:
        """The same with another default."""
        return Lifetimes(self._label, default, self._can, keeps=self._keeps)

    def expiring(self, *, keeps: bool) -> Lifetimes:
        """The same where something expires."""
        can = self._can._replace(expiry_ms=1)
        return Lifetimes(self._label, self.default, can, keeps=keeps)

    def expiry(self, ttl: Ttl) -> Expiry:
        """What the backend is told about *ttl*; refuses one that nobody would watch, and to keep
        one that could change meanwhile."""
        if ttl is DEFAULT:
            return self.usual
        if ttl is KEEP:
            self._check_step("ttl=KEEP")
            return self.keeping
        told = span(ttl)
        self._check(told)
        return told

    def touching(self, ttl: Ttl) -> Expiry:
        """What a touch with *ttl* tells the backend: without a default it moves nothing."""
        if ttl is KEEP or (ttl is DEFAULT and self.default is None):
            return self.keeping
        expiry = self.default if ttl is DEFAULT else self.expiry(ttl)
        self._check_step("touch")
        return expiry

    def _check(self, told: Span) -> None:
        if told is not None and self._can.expiry_ms is None:
            message = "nothing expires here: leave ttl out, or use another store"
            raise UnsupportedError(message, store=self._label)

    def _check_step(self, what: str) -> None:
        if self._can.atomic is None:
            raise no_step(what, self._label)
