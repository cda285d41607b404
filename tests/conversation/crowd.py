"""Some of many who talk in one conversation at once; run by test_crowds.py as a process.

    python crowd.py PLACE {blocking | asyncio} WAY WHO ...

When a line comes, everybody of those says what is to be said, in a thread or a task each, and then
all that they were told stands in a line of JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import storage
import storage.aio
from storage.testing import Bridge
from storage.testing.threads import crowd

KEY = "chat:100"
ROUNDS = 20
"""Five messages each, three of them together."""

FORESEEN = 10
REPEATED = 30
EDITED = 5

MOST: dict[str, int | None] = {"trimming": 20, "paired": 20}
"""How many messages stay, by the way of talking; otherwise all."""

Told = list[list[int]]
"""The numbers of messages that somebody was told, by what was appended together."""


def said(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def talk(conversation: Any, who: int) -> Told:
    """A hundred messages, some of them three at once."""
    told = []
    for turn in range(ROUNDS):
        told += [[conversation.append(KEY, said(f"{who}:{turn}.{part}"))] for part in range(2)]
        three = [said(f"{who}:{turn}.{part}") for part in range(2, 5)]
        told.append(conversation.append_many(KEY, three))
    return told


def foresee(conversation: Any, who: int) -> Told:
    """Messages that are only right after the last one that is known."""
    told: Told = []
    last = 0
    while len(told) < FORESEEN:
        text = said(f"{who}:{len(told)}")
        try:
            told.append([conversation.append(KEY, text, if_seq=last)])
        except storage.ConflictError:
            usage = conversation.usage(KEY)
            last = 0 if usage is None else usage.last_seq
    return told


def repeat(conversation: Any, who: int) -> Told:
    """Messages that everybody says, each once."""
    return [
        conversation.append_many(KEY, [said(f"{number}"), said("more")], once=f"once {number}")
        for number in range(REPEATED)
    ]


def edit(conversation: Any, who: int) -> Told:
    """One message, which everybody counts on in; it always has as many tokens."""
    seq = conversation.append(KEY, said("count") | {"n": 0}, tokens=5, once="the only one")
    for _ in range(EDITED):
        conversation.edit(KEY, seq, lambda message: message | {"n": message["n"] + 1})
    return [[seq]]


def pair(conversation: Any, who: int) -> Told:
    """Questions, and calls with their results."""
    told = []
    for turn in range(ROUNDS):
        calls = [{"id": f"{who}:{turn}.{number}"} for number in range(2)]
        results = [{"role": "tool", "tool_call_id": call["id"], "content": ""} for call in calls]
        told.append([conversation.append(KEY, said("?"))])
        messages = [{"role": "assistant", "tool_calls": calls}, *results]
        told.append(conversation.append_many(KEY, messages))
    return told


WAYS: dict[str, Callable[[Any, int], Told]] = {
    "talking": talk,
    "trimming": talk,
    "foreseeing": foresee,
    "repeating": repeat,
    "editing": edit,
    "paired": pair,
}


def conversation_of(half: Any, store: Any, way: str) -> Any:
    return half.Conversation(store, max_messages=MOST.get(way))


def main(place: str, colour: str, way: str, *who: str) -> None:
    half: Any = storage if colour == "blocking" else storage.aio
    made = half.open(place)
    with Bridge() as bridge:
        store = bridge.driven(made)
        conversation = bridge.driven(conversation_of(half, made, way))
        conversation.usage("ready")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        told = crowd([partial(WAYS[way], conversation, int(one)) for one in who])
        store.close()
    sys.stdout.write(f"{json.dumps(dict(zip(who, told)))}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
