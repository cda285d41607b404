"""Bugs in what a manager of sessions sees to."""

from __future__ import annotations

from .bug import Bug

_PLACE = "storage/continuity/"
_TESTS = "tests/continuity/test_"


def _bug(name: str, law: str, module: str, tests: str, before: str, after: str) -> Bug:
    place = module if "/" in module else f"{_PLACE}{module}"
    return Bug(f"managers-{name}", law, f"{place}.py", before, after, (f"{_TESTS}{tests}.py",))


BUGS = [
    _bug(
        "stops-erasing-at-the-first-failure",
        "a user is erased whatever can not be deleted",
        "sweeping",
        "cleanup",
        "                first = first or error\n                continue",
        "                raise error",
    ),
    _bug(
        "a-failed-erasure-is-not-told",
        "what could not be erased is raised at the end",
        "sweeping",
        "cleanup",
        "        if first is not None:\n            raise first\n",
        "",
    ),
    _bug(
        "counts-what-was-there-before",
        "a change and its count are of the same message",
        "messaging",
        "recounting",
        "self._amend(session_id, message_id, made, known)",
        "self._amend(session_id, message_id, made)",
    ),
    _bug(
        "hand-offs-are-lost",
        "hand-offs outlive other metadata",
        "storage/core/dialog/parties",
        "participants",
        '{"handoffs": known["handoffs"], **custom}',
        "custom",
    ),
    _bug(
        "hand-offs-of-the-meantime-are-lost",
        "a hand-off of somebody who writes at once is kept",
        "deciding",
        "participants",
        "version = session.version if expected is None else expected",
        "version = expected",
    ),
    _bug(
        "asks-a-summarizer-that-failed",
        "a summarizer that failed is left alone for a while",
        "contexts",
        "contexts",
        "if todo.to_summarise and self._is_silent():",
        "if False:",
    ),
    _bug(
        "shows-a-result-without-its-call",
        "a result whose call is gone is never shown",
        "storage/core/dialog/context",
        "context_decisions",
        "kept, tokens = complete(messages), total",
        "kept, tokens = tuple(messages), total",
    ),
    _bug(
        "too-many-messages-where-they-fit",
        "there are so many messages at the most in a context",
        "storage/core/dialog/context",
        "context_decisions",
        "return has_too_many(compression, messages)",
        "return False",
    ),
    _bug(
        "tells-a-message-again",
        "a message that was there is not told again",
        "messaging",
        "manager_events",
        "if not added.was_there:",
        "if added:",
    ),
    _bug(
        "once-stays-once",
        "who wants to be called always is called always",
        "events",
        "events",
        "            elif there[0].once and not listener.once:",
        "            elif False:",
    ),
]
