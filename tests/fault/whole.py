"""A program of steps with sessions of session continuity, each of which can be done again; what is
there after so many of them; and what nobody would see, but for whom looks beneath."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from storage.continuity import (
    MessageNotFoundError,
    SessionClosedError,
    SessionExistsError,
    SessionNotFoundError,
    StorageError,
)
from tests.fault.ground import healthy, rows
from tests.servers import Server

State = dict[str, dict[str, int]]
"""The messages of each session, and what they count."""

Step = tuple[str, str, str, int]
"""What is done, with which session, which message, and so many tokens."""

USER = "ann"
PAST = datetime(2020, 1, 1, tzinfo=timezone.utc)
NAMES = ("s", "t", "u", "v")


def program(seed: int, length: int) -> list[Step]:
    """So many steps, which meet sessions and messages mostly."""
    chance = random.Random(seed)
    steps: list[Step] = []
    state: State = {}
    over: set[str] = set()
    for number in range(length):
        step = _next(chance, state, over, number)
        steps.append(step)
        state = after(state, step)
        over = _over_after(over, step)
    return steps


def after(state: State, step: Step) -> State:
    """What is there when a step is done; who is taken away is told by `over`."""
    kind, name, message, tokens = step
    state = {one: dict(messages) for one, messages in state.items()}
    if kind == "create":
        state[name] = {}
    elif kind in ("add", "amend"):
        state[name][message] = tokens
    elif kind == "discard":
        del state[name][message]
    elif kind == "empty":
        state[name] = {}
    elif kind in ("delete", "clean"):
        del state[name]
    return state


def do(adapter: Any, step: Step) -> None:
    """Do a step, whether it was done before or not."""
    kind, name, message, tokens = step
    told = {"id": message, "role": "user", "content": f"of {message}", "token_count": tokens}
    calls: dict[str, Callable[[], object]] = {
        "create": lambda: adapter.create_session({"id": name, "user_id": USER}),
        "add": lambda: adapter.add_message(name, told),
        "amend": lambda: adapter.update_message(name, message, {"token_count": tokens}),
        "discard": lambda: adapter.delete_message(name, message),
        "empty": lambda: adapter.delete_all_messages(name),
        "delete": lambda: adapter.delete_session(name),
        "end": lambda: adapter.update_session(name, {"expires_at": PAST}),
        "clean": partial(clean, adapter),
    }
    try:
        with suppress(SessionExistsError, SessionClosedError):
            calls[kind]()
    except StorageError as error:
        cause = error.__cause__
        if not isinstance(cause, (SessionNotFoundError, MessageNotFoundError)):
            raise


def clean(adapter: Any) -> None:
    """Take away what is expired, as a manager does."""
    for name in adapter.get_expired_sessions():
        adapter.delete_session(name, expired_before=datetime.now(timezone.utc))


def found(adapter: Any) -> State:
    """What is there, which is whole: what is known of messages is what they say."""
    state: State = {}
    for session in adapter.list_sessions():
        messages = adapter.get_messages(session.id)
        state[session.id] = {one.id: one.token_count for one in messages}
        assert session == adapter.get_session(session.id)
        assert session.message_count == len(messages) == len(state[session.id])
        assert session.token_count == sum(one.token_count for one in messages)
        assert [one.content for one in messages] == [f"of {one.id}" for one in messages]
        numbers = [one.sequence for one in messages]
        assert numbers == sorted({*numbers})
    by_user = adapter.list_sessions({"user_id": USER})
    assert sorted(one.id for one in by_user) == sorted(state)
    return state


def assert_tidy_file(file: Path, state: State) -> None:
    """There is nothing in the file that belongs to nothing."""
    sessions = rows(file, "SELECT number, id, messages FROM storage_dialogs")
    assert {name: count for _, name, count in sessions} == {
        name.encode(): len(messages) for name, messages in state.items()
    }
    numbers = {number for number, _, _ in sessions}
    messages = rows(file, "SELECT dialog, id FROM storage_dialog_messages")
    assert {number for number, _ in messages} <= numbers
    assert sorted(name for _, name in messages) == sorted(
        name.encode() for told in state.values() for name in told
    )
    assert healthy(file)


def assert_tidy_server(server: Server, state: State) -> None:
    """There is no key on the server that belongs to nothing."""
    keys = {key.decode() for key in server.call("KEYS", "*")}
    wanted = {f"session:{name}" for name in state}
    wanted |= {f"session:{name}:messages" for name, told in state.items() if told}
    wanted |= {f"message:{name}" for told in state.values() for name in told}
    index = f"user:{USER}:sessions"
    wanted |= {index} if state else set()
    known = {f"session:{name}:{what}" for name in state for what in ("seq", "messages:state")}
    known |= {f"{index}:state"} if state else set()
    assert wanted <= keys <= wanted | known
    members = {name.decode() for name in server.call("SMEMBERS", index)}
    assert members == set(state)
    for name, told in state.items():
        listed = server.call("ZRANGE", f"session:{name}:messages", 0, -1)
        assert {one.decode() for one in listed} == set(told)


def _next(chance: random.Random, state: State, over: set[str], number: int) -> Step:
    """A step that can be done after what was done."""
    if over:
        return "clean", over.copy().pop(), "", 0
    name = chance.choice(NAMES)
    if name not in state:
        return "create", name, "", 0
    kinds = ["add"] * 8 + ["amend", "discard"] * 2 + ["empty", "delete", "end"]
    kind = chance.choice(kinds)
    messages = list(state[name])
    if kind == "add" or (kind in ("amend", "discard") and not messages):
        return "add", name, f"m{number}", chance.randrange(9)
    if kind in ("amend", "discard"):
        return kind, name, chance.choice(messages), chance.randrange(9)
    return kind, name, "", 0


def _over_after(over: set[str], step: Step) -> set[str]:
    if step[0] == "end":
        return {step[1]}
    return set() if step[0] == "clean" else over
