"""What a server of Redis keeps, as it says itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..crowds import Alone, Crowd, Tasks, event_loop
from ..harness import Spread
from ..report import Report, Row, Target
from . import peers
from .bases import RawList
from .history import Ours
from .settings import Settings
from .talk import SIZES, talk

_BYTES = Target(1.1)


def sizes(report: Report, chosen: Settings) -> None:
    """What MEMORY USAGE says of a conversation against a list of the same JSON."""
    store = chosen.store()
    with chosen.client() as client, event_loop() as loop:
        for size in SIZES:
            raw = _bytes(client, partial(RawList(client, "base", size).fill, talk(size)))
            ours = _bytes(client, partial(Ours(store, size).fill, talk(size)))
            _tell(report, "storage", size, ours, raw, _BYTES)
            blocking = peers.on_redis(report, chosen, size)
            for_tasks = peers.aio_on_redis(report, chosen, size)
            for crowd, sides in ((Alone(), blocking), (Tasks(loop, 1), for_tasks)):
                for side in sides:
                    fill = partial(_fill, crowd, side, size)
                    _tell(report, side.name, size, _bytes(client, fill), raw)
                    crowd.wait_for(side.close())
    store.close()


def _fill(crowd: Crowd, side: peers.Peer, size: int) -> None:
    crowd.wait_for(side.history.fill(talk(size)))


def _tell(
    report: Report, name: str, size: int, used: int, raw: int, target: Target | None = None
) -> None:
    value = used / raw
    report.add(
        Row(
            f"bytes, {size:,}: {name}",
            "MEMORY USAGE of all keys",
            "MEMORY USAGE of one list, RPUSH key dumps(message)",
            Spread(value, value, value),
            target,
            notes=[f"{used / size:.0f} B a message, of which the list keeps {raw / size:.0f}"],
            whose="ours" if target else "call",
        )
    )


def _bytes(client: Any, fill: Callable[[], object]) -> int:
    """What an empty server keeps after that, in all of its keys."""
    client.flushall()
    fill()
    return sum(client.memory_usage(name, samples=0) for name in client.scan_iter(count=1_000))
