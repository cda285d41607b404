"""Conversations on Redis, one trip each: an append, the last 20, a window of tokens."""

from __future__ import annotations

import redis

from ..crowds import Alone
from ..report import Report, Target
from .bases import RawList, RawMulti
from .history import Ours, appends, check, reads
from .rows import Rounds
from .server import at_server
from .settings import Settings
from .talk import SIZES, talk

OPERATIONS, READS = 200, 100

_APPEND, _FLAT, _LAST, _WINDOW = Target(1.6), Target(1.3), Target(0.75), Target(1.0)

Bases = dict[int, RawList]


def trips(report: Report, chosen: Settings) -> None:
    """Appends that trim and renew, and reads, against RPUSH and LRANGE by redis-py, on the wall."""
    chosen.empty()
    store, client = chosen.store(), chosen.client()
    ours = {size: Ours(store, size) for size in SIZES}
    base, again = (_lists(client, name) for name in ("base", "again"))
    for one in ours.values():
        one.fill(talk(one.size))
    _reads(report, chosen, ours, base, again)
    _appends(report, chosen, ours, base, again, client)
    _at_server(report, chosen, ours, base, client)
    for one in (store, client):
        one.close()


def _lists(client: redis.Redis, name: str) -> Bases:
    lists = {size: RawList(client, f"{name}:{size}", size) for size in SIZES}
    for size, one in lists.items():
        one.fill(talk(size))
    return lists


def _reads(
    report: Report, chosen: Settings, ours: dict[int, Ours], base: Bases, again: Bases
) -> None:
    variants, one = {}, Alone()
    for size in SIZES:
        mine, raw, more = ours[size], base[size], again[size]
        variants[f"last {size}"] = reads(one, mine.last_text, mine.last, READS)
        variants[f"window {size}"] = reads(one, mine.window_text, mine.window, READS)
        variants[f"base {size}"] = reads(one, raw.last_text, raw.last, READS)
        variants[f"again {size}"] = reads(one, raw.last_text, more.last, READS)
        check("the last 20", mine.last(), raw.last())
        check("a window", mine.window(), raw.last())
    rounds = Rounds(report, variants, chosen.rounds)
    for size in SIZES:
        target = _LAST if size == SIZES[-1] else None
        law = f"Redis last 20 of {size:,}"
        rounds.row(law, f"last {size}", f"base {size}", target)
        rounds.row(f"Redis window of {size:,}", f"window {size}", f"base {size}", _WINDOW)
        rounds.against_itself(law, f"again {size}", f"base {size}")


def _appends(
    report: Report,
    chosen: Settings,
    ours: dict[int, Ours],
    base: Bases,
    again: Bases,
    client: redis.Redis,
) -> None:
    variants, one = {}, Alone()
    for size in SIZES:
        by_hand = RawMulti(client, f"multi:{size}", size)
        by_hand.fill(talk(size))
        sides = {"ours": ours[size], "base": base[size], "again": again[size], "hand": by_hand}
        variants |= {
            f"{name} {size}": appends(one, side, OPERATIONS) for name, side in sides.items()
        }
    rounds = Rounds(report, variants, chosen.rounds)
    for size in SIZES:
        law = f"Redis append, {size:,} stored"
        rounds.row(law, f"ours {size}", f"base {size}", _APPEND)
        rounds.row(f"{law}, by hand", f"hand {size}", f"base {size}", whose="call")
        rounds.against_itself(law, f"again {size}", f"base {size}")
        check(law, ours[size].last(), base[size].last())
    for size in SIZES[1:]:
        law = f"Redis append, {size:,} over {SIZES[0]} stored"
        rounds.row(law, f"ours {size}", f"ours {SIZES[0]}", _FLAT)


def _at_server(
    report: Report, chosen: Settings, ours: dict[int, Ours], base: Bases, client: redis.Redis
) -> None:
    variants, one = {}, Alone()
    for size in SIZES:
        for name, side, command in (("ours", ours, "evalsha"), ("base", base, "rpush")):
            variant = appends(one, side[size], OPERATIONS)
            variants[f"{name} {size}"] = at_server(client, variant, command, OPERATIONS)
    rounds = Rounds(report, variants, chosen.some(9), "cpu", at_server=True)
    for size in SIZES:
        law = f"server's time of an append, {size:,} stored"
        rounds.row(law, f"ours {size}", f"base {size}")
    for size in SIZES[1:]:
        law = f"server's time, {size:,} over {SIZES[0]} stored"
        rounds.row(law, f"ours {size}", f"ours {SIZES[0]}", _FLAT)
