"""What to do when a command did not get its answer: try again, and where, or give up, and how.

A call has one deadline. Within it everything is tried again that the server did not run for
certain, and what may be run twice; anything else ends with an error that says what is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..errors import OutcomeUnknownError, StorageError, UnavailableError
from .commands import READ, Command, Effect
from .replies import LATE, Meaning, Phase, Trouble, meaning, word
from .settings import Address

Reached = Callable[[Address, Address | None], Address]

_MOST_REDIRECTS = 5
_SHORTEST, _LONGEST = 0.005, 0.1

_LEAST = 0.02
"""What is left of a call when it is tried again for the last time: an answer that nobody can wait
for would make unknown what is known not to be done."""


class Budget:
    """What ends a call earlier than its deadline: it is over *until* then, where the time that it
    takes to connect does not count."""

    __slots__ = ("until",)

    def __init__(self, until: float) -> None:
        self.until: float = until

    def forgive(self, seconds: float) -> None:
        """So many seconds went into a connection."""
        self.until += seconds


class Step(NamedTuple):
    """How to go on: what to say, where (`None`: look it up), and after how long."""

    command: Command
    place: Address | None = None
    moved: bool = False
    asking: bool = False
    search: bool = False
    pause: float = 0.0


class Course:
    """One call on its way through troubles; *until* is its deadline, where no *budget* ends it.

    Where a server is *known_down* nothing waits for it, and where it is the only one (*alone*)
    nobody else will do what it refuses. Only a cluster sends elsewhere, to what is *reached* under
    the name that it tells.
    """

    def __init__(
        self,
        command: Command,
        until: float,
        *,
        known_down: bool,
        alone: bool,
        reached: Reached | None,
        budget: Budget | None = None,
    ) -> None:
        self._command = command
        self._deadline = until
        self._budget = budget
        self._alone = alone
        self._known_down = known_down
        self._reached = reached
        self._redirects = 0
        self._asking: Address | None = None
        """Who takes keys over, and answers only who says that he was sent there."""
        self._pauses = 0
        self._may_have_run = False
        self._said: Trouble | None = None

    @property
    def until(self) -> float:
        """When it is over."""
        return self._deadline if self._budget is None else min(self._deadline, self._budget.until)

    def after(self, trouble: Trouble, place: Address | None, now: float) -> Step | StorageError:
        """What to do after *trouble* at *place*, or the error that the call ends with."""
        if trouble.phase is Phase.SENT:
            self._may_have_run = True
            if self._command.effect is Effect.ONCE:
                return self._failure(trouble)
        if trouble.phase is Phase.ANSWERED:
            self._said = trouble
            first = word(trouble.error)
            if first == "NOSCRIPT" and self._command.script is not None and now < self.until:
                self._command = self._command.spelled_out()
                asking = place is not None and place == self._asking
                return Step(self._command, place, asking=asking)
            if first in ("MOVED", "ASK") and self._reached is not None:
                if now >= self.until:
                    return UnavailableError("the keys are being moved")
                return self._redirected(trouble.error, first, self._reached, place)
        told = meaning(trouble.error)
        if not told.passes or now >= self.until or self._is_hopeless(trouble, told):
            return self._failure(trouble)
        left = self.until - now - _LEAST
        if left <= 0:
            return self._failure(trouble)
        pause = min(self._pause(), left)
        search = told.elsewhere or trouble.phase is not Phase.ANSWERED
        return Step(self._command, search=search, pause=pause)

    def _is_hopeless(self, trouble: Trouble, told: Meaning) -> bool:
        """Whether it was tried once more already, and that is enough."""
        refused = self._alone and told.elsewhere and trouble.phase is Phase.ANSWERED
        return self._pauses > 0 and (self._known_down or refused or told.twice)

    def _redirected(self, error: Any, first: str, reached: Reached, asked: Address | None) -> Step:
        place = reached((str(error.host), int(error.port)), asked)
        self._redirects += 1
        pause = 0.0 if self._redirects <= _MOST_REDIRECTS else _LONGEST
        if first == "ASK":
            self._asking = place
            return Step(self._command, place, asking=True, pause=pause)
        return Step(self._command, place, moved=True, search=self._redirects == 1, pause=pause)

    def _pause(self) -> float:
        """Nothing the first time: a connection may have been closed while nobody used it."""
        self._pauses += 1
        return 0.0 if self._pauses == 1 else min(_SHORTEST * float(2**self._pauses), _LONGEST)

    def _failure(self, trouble: Trouble) -> StorageError:
        told = meaning(trouble.error)
        if self._may_have_run and self._command.effect is not READ:
            return OutcomeUnknownError(f"{told.message}, and may have done it or not")
        if self._said is not None and told.message == LATE:
            told = meaning(self._said.error)
        return told.kind(told.message)
