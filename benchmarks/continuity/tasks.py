"""Session continuity for tasks: one, and fifty at once."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from ..conversation.bases import RawAioList
from ..conversation.rows import Rounds
from ..conversation.talk import LAST, TTL
from ..crowds import Crowd, Tasks, event_loop
from ..report import Report, Target
from .settings import Settings
from .sides import Adapted, Managed, Plain, Side, adds, check, on_list, pages

OPERATIONS, READS = 200, 100

_ADD, _PAGE = Target(2.5), Target(4.0)


class AioPlain(Plain):
    """A list for tasks, which a blocking client fills."""

    def __init__(self, blocking: Any, client: Any, key: str) -> None:
        filled = on_list(blocking, key)
        aio = RawAioList(client, key, 0)
        self.add_text = aio.append_text
        self.page_text = aio.last_text
        self.add = aio.append  # type: ignore[assignment]
        self.page = aio.last  # type: ignore[assignment]
        self.begin = filled.begin  # type: ignore[method-assign]
        self.end = filled.end  # type: ignore[method-assign]


def tasks(report: Report, chosen: Settings) -> None:
    """A message and the last 20 against redis.asyncio's own RPUSH and LRANGE, on the wall."""
    chosen.empty()
    with event_loop() as loop, ExitStack() as stack:
        one = Tasks(loop, 1)
        blocking = stack.enter_context(chosen.client())
        sides: dict[str, Side] = {}
        for name, side in (
            ("adapter", Adapted(chosen.aio_adapter(), one)),
            ("adapter, ttl", Adapted(chosen.aio_adapter(TTL), one)),
            ("manager, ttl", Managed(chosen.aio_manager(TTL), one)),
        ):
            stack.callback(side.close)
            sides[name] = side
        for name in ("base", "again"):
            client = chosen.aio_client()
            stack.callback(lambda client=client: one.wait_for(client.aclose()))
            sides[name] = AioPlain(blocking, client, name)
        for crowd in (one, Tasks(loop)):
            _adds(report, chosen, crowd, sides)
            _pages(report, chosen, crowd, sides)
    chosen.empty()


def _adds(report: Report, chosen: Settings, crowd: Crowd, sides: dict[str, Side]) -> None:
    variants = {name: adds(crowd, side, LAST, OPERATIONS) for name, side in sides.items()}
    _rows(report, chosen, crowd, variants, "add_message", _ADD)


def _pages(report: Report, chosen: Settings, crowd: Crowd, sides: dict[str, Side]) -> None:
    variants = {}
    for name, side in sides.items():
        side.begin(LAST)
        variants[name] = pages(crowd, side, READS)
    base = crowd.wait_for(sides["base"].page())
    for side in sides.values():
        if isinstance(side, Adapted):
            check(crowd.wait_for(side.page()), base)
    _rows(report, chosen, crowd, variants, "get_messages of 20", _PAGE)
    for side in sides.values():
        side.end()


def _rows(
    report: Report, chosen: Settings, crowd: Crowd, variants: Any, what: str, most: Target
) -> None:
    rounds = Rounds(report, variants, chosen.some(15))
    law = f"aio Redis {what}, {crowd.name}"
    for name in variants:
        if name not in ("base", "again"):
            target = most if crowd.many == 1 else None
            rounds.row(f"{law}, {name}", name, "base", target)
    rounds.against_itself(law, "again", "base")
