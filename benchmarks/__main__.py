"""`python -m benchmarks NAME`: run one benchmark. Without a name: what there is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from . import continuity, conversation, kv, ratelimit, redis, sessions, wrap


class Command(NamedTuple):
    """One benchmark: what it compares, and the function that takes the rest of the line."""

    about: str
    run: Callable[[Sequence[str]], int]


COMMANDS = {
    "continuity": Command(
        "sessions with participants and messages, beside raw commands", continuity.main
    ),
    "conversation": Command(
        "conversations, beside other libraries that keep them", conversation.main
    ),
    "kv": Command("key-value: memory, LRU, SQLite, updates, import", kv.main),
    "ratelimit": Command("rate limits, beside other libraries for them", ratelimit.main),
    "redis": Command(
        "Redis: single calls, batches, updates, beside other clients and bot frameworks", redis.main
    ),
    "sessions": Command("sessions on Redis, beside aiogram with its isolation", sessions.main),
    "wrap": Command("what stands on a store: whole stores that are moved", wrap.main),
}


def main(arguments: Sequence[str]) -> int:
    """Run what the command line asks for and give the exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"there is no benchmark {name!r}\n\n{_overview()}", file=sys.stderr)
        return 2
    return COMMANDS[name].run(rest)


def _overview() -> str:
    lines = [f"  {name:12} {command.about}" for name, command in COMMANDS.items()]
    return "\n".join(["usage: python -m benchmarks NAME [--help]", "", *lines])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
