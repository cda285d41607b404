"""What a message and a page of them take on Redis, on the wall and at the server."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from ..conversation.rows import Rounds
from ..conversation.server import at_server
from ..conversation.talk import LAST, TTL, said
from ..crowds import Alone
from ..harness import Variant, clocked
from ..report import Report, Target
from .original import Original, OriginalManaged
from .settings import Settings
from .sides import Adapted, Managed, Plain, Side, adds, check, on_list, pages

OPERATIONS, READS = 200, 100
SIZES = (LAST, 1_000)

_ADD, _PAGE = Target(2.5), Target(4.0)

BARE = "client.lrange(key, -20, -1)  # nothing decoded"


def redis(report: Report, chosen: Settings) -> None:
    """A message with counters and index, and the last 20, against RPUSH and LRANGE by redis-py."""
    chosen.empty()
    with ExitStack() as stack:
        client = stack.enter_context(chosen.client())
        ours = _ours(chosen)
        for one in ours.values():
            stack.callback(one.close)
        base, again = on_list(client, "base"), on_list(client, "again")
        originals = {
            "its adapter": Original(client),
            "its adapter, ttl": Original(client, TTL),
            "its manager": OriginalManaged(client),
            "its manager, ttl": OriginalManaged(client, TTL),
        }
        sides: dict[str, Side] = {**ours, "base": base, "again": again, **originals}
        for size in SIZES:
            _adds(report, chosen, sides, size)
        _pages(report, chosen, ours, base, again, originals["its adapter"], client)
        _at_server(report, chosen, ours, base, client)


def _ours(chosen: Settings) -> dict[str, Adapted]:
    return {
        "adapter": Adapted(chosen.adapter()),
        "adapter, ttl": Adapted(chosen.adapter(TTL)),
        "manager": Managed(chosen.manager()),
        "manager, ttl": Managed(chosen.manager(TTL)),
    }


def _adds(report: Report, chosen: Settings, sides: Mapping[str, Side], size: int) -> None:
    every = sides if size == SIZES[0] else {k: v for k, v in sides.items() if "its" not in k}
    variants = {name: adds(Alone(), side, size, OPERATIONS) for name, side in every.items()}
    rounds = Rounds(report, variants, chosen.some(15))
    for name in every:
        if name in ("base", "again"):
            continue
        theirs = name.startswith("its")
        law = f"Redis add_message, {size:,} stored, {name}"
        target = None if theirs else _ADD
        rounds.row(law, name, "base", target, whose="call" if theirs else "ours")
    rounds.against_itself(f"Redis add_message, {size:,} stored", "again", "base")


def _pages(
    report: Report,
    chosen: Settings,
    ours: Mapping[str, Adapted],
    base: Plain,
    again: Plain,
    original: Original,
    client: Any,
) -> None:
    sides: dict[str, Side] = {**ours, "base": base, "again": again, "its adapter": original}
    for size in SIZES:
        for side in sides.values():
            side.begin(size)
        variants = {name: pages(Alone(), side, READS) for name, side in sides.items()}
        variants["bare"] = _bare(client, READS)
        for one in ours.values():
            check(one.page(), base.page())
        rounds = Rounds(report, variants, chosen.some(15))
        for name in ours:
            law = f"Redis get_messages, 20 of {size:,}, {name}"
            rounds.row(law, name, "base", _PAGE)
            rounds.row(f"{law}, of bare bytes", name, "bare", _PAGE)
        law = f"Redis get_messages, 20 of {size:,}"
        rounds.row(f"{law}, its adapter", "its adapter", "base", whose="call")
        rounds.against_itself(law, "again", "base")
        for name, side in sides.items():
            if name != "its adapter":
                side.end()
    client.flushall()


def _bare(client: Any, operations: int) -> Variant:
    class Bare:
        page_text = BARE

        def page(self) -> Any:
            return client.lrange("base", -LAST, -1)

    side: Any = Bare()
    return pages(Alone(), side, operations)


def _at_server(
    report: Report, chosen: Settings, ours: Mapping[str, Adapted], base: Plain, client: Any
) -> None:
    sides: dict[str, tuple[Side, str]] = {name: (one, "evalsha") for name, one in ours.items()}
    sides["base"] = base, "rpush"
    variants = {}
    for name, (side, command) in sides.items():
        side.begin(LAST)
        variants[f"add {name}"] = at_server(client, _in_place(side), command, OPERATIONS)
        read = command if command == "evalsha" else "lrange"
        variants[f"page {name}"] = at_server(client, pages(Alone(), side, READS), read, READS)
    rounds = Rounds(report, variants, chosen.some(9), "cpu", at_server=True)
    for what in ("add", "page"):
        for name in ours:
            rounds.row(f"server's time, {what}, {name}", f"{what} {name}", f"{what} base")
    for side, _ in sides.values():
        side.end()


def _in_place(side: Side) -> Variant:
    """Messages to a session that grows: nothing else is to be counted at the server."""
    items = said(0, OPERATIONS)
    return clocked(
        side.add_text,
        OPERATIONS,
        lambda number: Alone().work(side.add, [(one,) for one in items]),
    )
