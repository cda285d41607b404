"""A user's sessions, all at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from ..conversation.rows import Rounds
from ..conversation.talk import LAST
from ..crowds import Alone
from ..harness import Variant, clocked
from ..report import Report
from .settings import Settings
from .sides import Adapted

MANY, READS = 100, 20

TEXT = "adapter.list_sessions({'user_id': '7', 'limit': 100})"
PIPED = "pipe.hgetall(name)  # of 100, one pipeline, nothing decoded"
DECODED = f"{PIPED[: -len('nothing decoded')]}each name and text decoded"


def lists(report: Report, chosen: Settings) -> None:
    """A user's 100 sessions with their counters, beside 100 pipelined HGETALLs; nobody judges."""
    chosen.empty()
    with ExitStack() as stack:
        client: Any = stack.enter_context(chosen.client())
        side = Adapted(chosen.adapter())
        stack.callback(side.close)
        names = []
        for _ in range(MANY):
            side.begin(LAST)
            names.append(f"session:{side.id}")
        _check(side, names)
        variants = {
            "ours": _reads(
                TEXT, lambda: side.adapter.list_sessions({"user_id": "7", "limit": MANY})
            ),
            "bare": _reads(PIPED, lambda: _hashes(client, names)),
            "again": _reads(PIPED, lambda: _hashes(client, names)),
            "decoded": _reads(DECODED, lambda: [_decoded(one) for one in _hashes(client, names)]),
        }
        rounds = Rounds(report, variants, chosen.some(15))
        law = f"Redis list_sessions, {MANY} of a user"
        rounds.row(f"{law}, bare", "ours", "bare")
        rounds.row(f"{law}, decoded", "ours", "decoded")
        rounds.against_itself(law, "again", "bare")
    chosen.empty()


def _reads(text: str, read: Callable[[], Any]) -> Variant:
    return clocked(text, READS, lambda number: Alone().repeated(read, READS))


def _hashes(client: Any, names: list[str]) -> list[dict[bytes, bytes]]:
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.hgetall(name)
        found: list[dict[bytes, bytes]] = pipe.execute()
        return found


def _decoded(fields: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): raw.decode() for name, raw in fields.items()}


def _check(side: Adapted, names: list[str]) -> None:
    """Refuse to measure what gives something else."""
    found = side.adapter.list_sessions({"user_id": "7", "limit": MANY})
    kept = {f"session:{one.id}" for one in found if one.message_count == LAST}
    if kept != set(names):
        raise RuntimeError(f"{len(kept)} sessions of {LAST} messages, not {len(names)}")
