"""Sessions on Redis, beside aiogram's storage with its isolation, on a server of its own."""

from __future__ import annotations

from collections.abc import Sequence

from ..family import Family, Law
from ..redis.served import run
from ..redis.settings import Settings
from .crowd import crowd
from .trips import trips
from .updates import updates

LAWS: dict[str, Law[Settings]] = {"trips": trips, "updates": updates, "crowd": crowd}


def main(arguments: Sequence[str]) -> int:
    """Run the laws that the command line names, all of them if it names none."""
    return run(Family("sessions", __doc__, LAWS), arguments)
