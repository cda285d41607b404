"""A hundred keys a call; times are per key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from storage import Codec, Storage

from ..harness import Sample, spread
from ..load import BATCH, Load
from ..report import Case, Report, Row, Target
from .bases import RawRedis
from .settings import Settings
from .single import TTL

ENTRIES, BATCHES = 1_000, 10

_GET_MANY = Target(0.3)


def batches(report: Report, chosen: Settings) -> None:
    """`get_many` and `set_many` of 100 against redis-py's pipeline and the same codec."""
    for size in chosen.sizes:
        load = Load(size, ENTRIES, BATCH * BATCHES)
        store, lasting = chosen.store(), chosen.store(TTL)
        base, again = (RawRedis(chosen.client(), chosen.codec) for _ in range(2))
        ending = RawRedis(chosen.client(), chosen.codec, TTL)
        for one in (store, base):
            load.fill_many(one.set_many)
        case = _get(load, store, base, again, chosen.codec)
        report.add(_without_codec(case, report.run(case, chosen.rounds)))
        report.run(_set(load, store, base), chosen.some(15))
        report.run(_set_ttl(load, lasting, ending), chosen.some(15))
        for one in (store, lasting, base, again, ending):
            one.close()


def _get(load: Load, store: Storage[Any], base: RawRedis, again: RawRedis, codec: Codec) -> Case:
    return Case(
        f"Redis get_many of {BATCH}, {load.size.name}",
        load.gets_many("store.get_many(100 keys)", store.get_many),
        load.gets_many(base.get_many_text, base.get_many),
        _GET_MANY,
        load.gets_many(again.get_many_text, again.get_many),
        [
            load.gets_many(base.mget_text, base.mget),
            load.gets_many("the codec alone: decode each", _decoding(load, codec)),
        ],
    )


def _without_codec(case: Case, samples: Mapping[str, Sequence[Sample]]) -> Row:
    """The same law for the asking alone."""
    of_rounds = zip(samples["ours"], samples["base"], samples["beside 1"])
    values = [(ours.cpu - codec.cpu) / (base.cpu - codec.cpu) for ours, base, codec in of_rounds]
    law = f"{case.law}, less codec"
    return Row(law, case.ours.text, case.base.text, spread(values))


def _decoding(load: Load, codec: Codec) -> Callable[[list[str]], object]:
    """What no way of asking can do without."""
    raws = [codec.encode(value) for value in load.size.values[:BATCH]]
    return lambda keys: {key: codec.decode(raw) for key, raw in zip(keys, raws)}


def _set(load: Load, store: Storage[Any], base: RawRedis) -> Case:
    return Case(
        f"Redis set_many of {BATCH}, {load.size.name}",
        load.sets_many("store.set_many(100 values)", store.set_many),
        load.sets_many(base.set_many_text, base.set_many),
        beside=[load.sets_many(base.mset_text, base.mset)],
    )


def _set_ttl(load: Load, store: Storage[Any], base: RawRedis) -> Case:
    return Case(
        f"Redis set_many of {BATCH}, ttl, {load.size.name}",
        load.sets_many("store.set_many(100 values)", store.set_many),
        load.sets_many(f"{base.set_many_text[:-1]}, ex=3600)", base.set_many),
    )
