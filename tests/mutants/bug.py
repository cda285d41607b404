"""What a planted bug is."""

from __future__ import annotations

from typing import NamedTuple


class Bug(NamedTuple):
    """In *file*, *before* becomes *after*; one of *tests* (words for pytest) has to fail."""

    name: str
    law: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]
