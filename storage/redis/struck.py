"""Who raised an error: a connection, or a signal handler that struck while somebody used one.

Both may raise the same: a time limit of the caller's is a `TimeoutError` as well. A handler is told
which call it strikes, and by that it is known.
"""

from __future__ import annotations

import sys
from inspect import getargvalues
from types import FrameType

from .replies import Phase, Trouble


def struck(error: BaseException) -> bool:
    """Whether a signal handler raised *error*, while somebody handled a call that it struck."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        if _is_told(trace.tb_next.tb_frame, trace.tb_frame):
            return True
        trace = trace.tb_next
    return False


def broken(error: Exception, phase: Phase) -> Trouble:
    """The trouble with a connection that *error* is, or came of.

    What a handler raised is raised once more, for the caller. To be asked when *error* is not
    handled any more.
    """
    came = _came(error)
    for one in came:
        if struck(one):
            try:
                raise one
            finally:
                del error, came, one  # or the error holds itself, and a connection
    # A call that it went through holds it, and a connection: both would wait for a collection.
    for one in came:
        one.__traceback__ = None
    return Trouble(phase, error)


def unsent(error: Exception) -> Phase:
    """How far a command came that was not handed over whole: what the system did not take can not
    be run. To be asked like `broken`."""
    is_so = any(
        isinstance(one, OSError) and one.errno is not None and not isinstance(one, TimeoutError)
        for one in _came(error)
    )
    return Phase.UNSENT if is_so else Phase.SENT


def _came(error: BaseException) -> list[BaseException]:
    """*error* and what it came of, but not what the caller handles himself."""
    theirs = sys.exc_info()[1]
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one is not theirs and not any(one is other for other in found):
        found.append(one)
        one = one.__context__ if one.__cause__ is None else one.__cause__
    return found


def _is_told(frame: FrameType, interrupted: FrameType) -> bool:
    """Whether *frame* is that of a handler, which got the *interrupted* one for an argument."""
    names, rest, _, found = getargvalues(frame)
    given = [found.get(name) for name in names] + list(found.get(rest or "", ()))
    return any(one is interrupted for one in given)
