"""A hundred messages at once by two managers, in threads and in tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import perf_counter
from typing import Any

from ..conversation.talk import TTL, message
from ..crowds import event_loop
from ..harness import Spread, spread
from ..report import Report, Row, Target
from .settings import Settings

MANY, MANAGERS = 100, 2

TEXT = "manager.add_message(session_id, role=..., content=..., token_count=n)"

Outcome = tuple[list[BaseException], float]


def crowd(report: Report, chosen: Settings) -> None:
    """100 messages at once into one session by two managers: all kept, no error, exact counters."""
    chosen.empty()
    with chosen.manager() as reader:
        for name, ttl in (("", None), (", ttl", TTL)):
            for colour, together in (("threads", _threads), ("tasks", _tasks)):
                told = [
                    _round(chosen, reader, together, ttl, f"{colour}{name}-{number}")
                    for number in range(chosen.some(5))
                ]
                _tell(report, f"{MANY} at once by two managers, {colour}{name}", told)
    chosen.empty()


class Told:
    """What came of a round."""

    def __init__(self, reader: Any, session: str, outcome: Outcome) -> None:
        self.errors, self.seconds = outcome
        kept, found = reader.get_session(session), reader.get_messages(session)
        self.stored = len({one.content for one in found})
        self.counters = kept.message_count, kept.token_count
        self.exact = len(found), sum(one.token_count or 0 for one in found)
        self.in_turn = [one.sequence for one in found] == sorted({one.sequence for one in found})

    def faults(self) -> list[str]:
        """What can not be forgiven."""
        faults = [f"{len(self.errors)} errors, as {self.errors[0]!r}"] if self.errors else []
        if self.stored != MANY:
            faults.append(f"{self.stored} of {MANY} are there")
        if self.counters != self.exact:
            faults.append(f"counters say {self.counters}, there is {self.exact}")
        return faults if self.in_turn else [*faults, "two are of one place"]


def _round(
    chosen: Settings,
    reader: Any,
    together: Callable[..., Outcome],
    ttl: float | None,
    session: str,
) -> Told:
    reader.create_session(session_id=session, user_id="7")
    return Told(reader, session, together(chosen, ttl, session))


def _threads(chosen: Settings, ttl: float | None, session: str) -> Outcome:
    managers = [chosen.manager(ttl) for _ in range(MANAGERS)]
    barrier = Barrier(MANY + 1)

    def add(number: int) -> None:
        barrier.wait()
        managers[number % MANAGERS].add_message(
            session, token_count=number, message_id=f"{session}-{number}", **message(number)
        )

    with ThreadPoolExecutor(MANY) as pool:
        futures = [pool.submit(add, number) for number in range(MANY)]
        barrier.wait()
        began = perf_counter()
        errors = [one.exception() for one in futures]
        took = perf_counter() - began
    for one in managers:
        one.close()
    return [error for error in errors if error is not None], took


def _tasks(chosen: Settings, ttl: float | None, session: str) -> Outcome:
    managers = [chosen.aio_manager(ttl) for _ in range(MANAGERS)]

    async def all_of_them() -> Outcome:
        began = perf_counter()
        calls = [
            managers[number % MANAGERS].add_message(
                session, token_count=number, message_id=f"{session}-{number}", **message(number)
            )
            for number in range(MANY)
        ]
        found = await asyncio.gather(*calls, return_exceptions=True)
        took = perf_counter() - began
        for one in managers:
            await one.aclose()
        return [error for error in found if isinstance(error, BaseException)], took

    with event_loop() as loop:
        return loop.run_until_complete(all_of_them())


def _tell(report: Report, law: str, told: Sequence[Told]) -> None:
    value = Spread(*[min(one.stored for one in told)] * 3)
    took = spread([one.seconds * 1_000 for one in told]).median
    errors = sum(len(one.errors) for one in told)
    notes = [
        f"{len(told)} rounds, {errors} errors, {took:.1f} ms on the wall for all 100",
        f"messages and tokens: counted {told[-1].counters}, there {told[-1].exact}",
    ]
    faults = [fault for one in told for fault in one.faults()]
    base = "a count of what is there"
    target = Target(MANY, " stored", at_least=True)
    report.add(Row(law, TEXT, base, value, target, None, notes, faults, " stored"))
