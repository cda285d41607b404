"""What a server tells of changes, and how sure one can be that it told all of them."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any, Final

from redis.exceptions import InvalidResponse

from ..core.near import Near
from .commands import READ, Command
from .parsing import NOT_YET, reader
from .replies import discreet, meaning, word
from .settings import Maker

WITHIN: Final = 2.0
"""For how long one may be sure that a server has told all: a copy is older by no more."""

EVERY: Final = 0.5
"""How often a server is asked whether it has."""

LOOK_EVERY: Final = 1.0
"""How often it is looked which servers there are."""

REFUSED_SECONDS: Final = 60.0
"""After how long a server is asked again that has refused."""

_SHORTEST: Final = 0.02
_LONGEST: Final = 1.0

_log = logging.getLogger("storage")


def follow(prefix: bytes) -> bytes:
    """What makes a server tell which names that begin with *prefix* have changed."""
    words = (b"CLIENT", b"TRACKING", b"ON", b"BCAST")
    more = (b"PREFIX", prefix) if prefix else ()
    return Command(READ, b"", (*words, *more)).packed()


PING: Final = Command(READ, b"", (b"PING",)).packed()


def third(maker: Maker) -> Maker:
    """The same connections, which speak the version of the protocol that has words for it."""
    return maker._replace(arguments={**maker.arguments, "protocol": 3})


def refusal(error: Exception) -> str | None:
    """Why a server will never tell, if that is what it says."""
    told = meaning(error)
    return told.message if word(error) and not told.passes else None


def tell(near: Near, label: str, why: str | None, *, is_said: bool = False) -> None:
    """Have *near* go without being told, and say so, unless it *is said* already."""
    if near.is_ended:
        return
    why = "this client does its own connecting" if why is None else why
    if not is_said:
        _log.warning(
            "%s: it is not told what changes, so copies are kept for %g seconds at the most: %s",
            *(label, WITHIN, why),
        )
    near.open(watched=False, seconds=WITHIN)


def rest_after(error: Exception, near: Near, label: str, pause: float) -> float:
    """How long to rest after *error* where it was so long before; what lasts is said once."""
    refused = refusal(error)
    if refused is not None:
        tell(near, label, refused, is_said=pause == REFUSED_SECONDS)
        return REFUSED_SECONDS
    pause = 0.0 if pause == REFUSED_SECONDS else pause
    longer = min(max(_SHORTEST, 2 * pause), _LONGEST)
    if pause < longer == _LONGEST:
        _log.warning(
            "%s: it is not told what changes, so there are no copies: %s",
            *(label, type(error).__name__),
        )
    return longer


class Told:
    """What one server tells *near*, on one connection from its beginning."""

    def __init__(self, near: Near) -> None:
        self.sure: float = near.clock()
        """All that had changed then was told."""
        self._near = near
        self._reader = reader()
        self._asked: deque[float] = deque()

    @property
    def is_waiting(self) -> bool:
        """Whether it has not answered yet."""
        return bool(self._asked)

    @property
    def is_overdue(self) -> bool:
        """Whether it has not answered for too long."""
        return bool(self._asked) and self._near.clock() > self._asked[0] + WITHIN

    def asks(self) -> None:
        """It is asked something, and answers after all that has changed before."""
        self._asked.append(self._near.clock())

    def hear(self, data: bytes) -> None:
        """Take what it says."""
        self._reader.feed(data)
        while (said := self._reader.gets()) is not NOT_YET:
            self._take(said)

    def _take(self, said: Any) -> None:
        if isinstance(said, Exception):
            raise discreet(said)
        if isinstance(said, list):
            self._drop(said)
        elif self._asked:
            self.sure = self._asked.popleft()
        else:
            raise InvalidResponse("what came is no reply")

    def _drop(self, said: list[Any]) -> None:
        if said[:1] != [b"invalidate"]:
            return
        names = said[1]
        if names is None:
            self._near.empty()
        else:
            self._near.drop([name.decode(errors="replace") for name in names])
