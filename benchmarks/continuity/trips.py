"""How often the server is asked, as it tells itself: what counts on a real network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests import servers
from tests.servers.counting import Calls, counted

from ..conversation.talk import LAST, TTL, message
from ..crowds import Alone, Crowd, Tasks, event_loop
from ..harness import Spread
from ..report import Report, Row, Target
from .original import Original, OriginalManaged
from .settings import Settings
from .sides import Adapted, Managed

MANY = 100

MOST_IN_A_ROW = 4
"""So many commands in a row may be told once for all times that they are run."""

Step = Callable[[], Any]


class Doing(NamedTuple):
    """Something that is done, as a reader would write it, in at *most* so many trips."""

    law: str
    text: str
    most: int
    step: Step
    base: str = ""


def trips(report: Report, chosen: Settings) -> None:
    """Trips to the server: by our adapter and manager, in both colours, and by the original's."""
    chosen.empty()
    with event_loop() as loop, ExitStack() as stack:
        client = stack.enter_context(chosen.client())
        bases = _of_the_original(chosen, client)
        one, task = Alone(), Tasks(loop, 1)
        for colour, crowd, keepers in (
            ("blocking", one, (chosen.adapter, chosen.manager)),
            ("aio", task, (chosen.aio_adapter, chosen.aio_manager)),
        ):
            for keeper, kind in zip(keepers, (Adapted, Managed)):
                for name, ttl in (("", None), (", ttl", TTL)):
                    client.flushall()
                    side = kind(keeper(ttl), crowd)
                    stack.callback(side.close)
                    label = f"{'manager' if kind is Managed else 'adapter'}, {colour}{name}"
                    for doing in _doings(side, bases):
                        _tell(report, chosen, crowd, doing, label)
    chosen.empty()


def _doings(side: Adapted, bases: dict[str, str]) -> list[Doing]:
    """What is done with a session of 20 messages, of a user who has a hundred."""
    for _ in range(MANY - 1):
        side.begin(0)
    side.begin(LAST)
    keeper, name = side.adapter, side.id
    add = bases["adapter"] if type(side) is Adapted else bases["manager"]
    first = {"metadata": {"title": "a title"}}
    version = side.kept().version

    def update() -> Any:
        nonlocal version
        version += 1
        return keeper.update_session(name, first, expected_version=version - 1)

    return [
        Doing("add_message", side.add_text, 1, lambda: side.add(message(1)), add),
        Doing("get_messages of 20", side.page_text, 2, side.page, bases["page"]),
        Doing(
            "update_session",
            "update_session(id, updates, expected_version=n)",
            2,
            update,
            bases["update"],
        ),
        Doing(
            f"list_sessions of {MANY}",
            "list_sessions({'user_id': '7', 'limit': 100})",
            2,
            lambda: keeper.list_sessions({"user_id": "7", "limit": MANY}),
            bases["list"],
        ),
    ]


def _of_the_original(chosen: Settings, client: Any) -> dict[str, str]:
    """What its commands come to."""
    plain, managed = Original(client, TTL), OriginalManaged(client, TTL)
    for side in (plain, managed):
        side.begin(LAST)
    steps: dict[str, Step] = {
        "adapter": lambda: plain.add(message(1)),
        "manager": lambda: managed.add(message(1)),
        "page": plain.page,
        "update": plain.update,
        "list": lambda: (
            [client.smembers("user:7:sessions")]
            + [client.hgetall(f"session:{number}") for number in range(MANY)]
        ),
    }
    return {name: f"original: {_said(chosen, Alone(), step)}" for name, step in steps.items()}


def _said(chosen: Settings, crowd: Crowd, step: Step) -> str:
    """How many trips, and of which commands."""
    return told(heard(chosen, crowd, step))


def heard(chosen: Settings, crowd: Crowd, step: Step) -> Calls:
    """What the server ran for a *step* that was done before."""
    place = urlsplit(chosen.url)
    crowd.wait_for(step())
    with counted(lambda: servers.Wire(str(place.hostname), place.port or 0)) as calls:
        crowd.wait_for(step())
    return calls


def asked(calls: Calls) -> int:
    """How many trips those are: a transaction is sent as one."""
    names = calls.names
    within = 0
    for begun, name in enumerate(names):
        if name == "MULTI":
            within += names.index("EXEC", begun) - begun
    return len(names) - within


def told(calls: Calls) -> str:
    """The trips, and what was run in them."""
    scripted = f" -> {_short(calls.scripted)}" if calls.scripted else ""
    return f"{asked(calls)} trips: {_short(calls.names)}{scripted}"


def _short(names: Sequence[str]) -> str:
    """*names*, what is said several times in a row once."""
    words, place = [], 0
    while place < len(names):
        size, times = max(
            ((size, _times(names, place, size)) for size in range(1, MOST_IN_A_ROW + 1)),
            key=lambda one: (one[0] * one[1] if one[1] > 1 else 1, -one[0]),
        )
        size = size if times > 1 else 1
        row = " ".join(names[place : place + size])
        some = row if size == 1 else f"({row})"
        words.append(some if times == 1 else f"{some} x{times}")
        place += size * times
    return " ".join(words)


def _times(names: Sequence[str], place: int, size: int) -> int:
    """How often in a row it is there, what begins at *place*."""
    row, times = names[place : place + size], 1
    while len(row) == size and names[place + size * times :][:size] == row:
        times += 1
    return times


def _tell(report: Report, chosen: Settings, crowd: Crowd, doing: Doing, label: str) -> None:
    calls = heard(chosen, crowd, doing.step)
    number = float(asked(calls))
    spread, target = Spread(number, number, number), Target(doing.most, " trips")
    law = f"{doing.law}, {label}"
    note = told(calls)
    report.add(Row(law, doing.text, doing.base, spread, target, None, [note], unit=" trips"))
