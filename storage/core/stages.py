"""What stands between the data that a codec writes and the bytes that a backend keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

Step = Callable[[str, bytes], bytes]


class Stage(Protocol):
    """One step, which errors call *word*.

    A *name* is that of the entry in the backend.
    """

    word: str
    writes_json: bool
    """Whether it makes JSON of JSON."""

    def seal(self, name: str, raw: bytes, /) -> bytes:
        """What is written for *raw*."""
        ...

    def open(self, name: str, raw: bytes, /) -> bytes:
        """What *raw* was made of; a `ValueError` for what was not made here."""
        ...

    def is_stale(self, raw: bytes, /) -> bool:
        """Whether *raw* is worth writing anew, as it would be written now."""
        ...


def sealing(stages: Sequence[Stage]) -> Step | None:
    """All *stages*, of which the first one is the outermost, as one step; `None` without any."""
    return _folded([stage.seal for stage in stages])


def opening(stages: Sequence[Stage]) -> Step | None:
    """The way back through *stages*."""
    return _folded([stage.open for stage in reversed(stages)])


def _folded(steps: Sequence[Step]) -> Step | None:
    if not steps:
        return None
    if len(steps) == 1:
        return steps[0]
    first, second, *others = steps

    def both(name: str, raw: bytes) -> bytes:
        return second(name, first(name, raw))

    return _folded([both, *others])
