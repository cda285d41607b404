"""Bugs by which one gets the answer of another, or something runs twice, once in many calls."""

from __future__ import annotations

from .bug import Bug


def _calls(half: str, words: str) -> tuple[str, ...]:
    return (f"tests/fault/crosstalk/test_{half}.py", "-k", words)


BUGS = [
    Bug(
        "crosstalk-connection-with-an-answer-in-it",
        "a connection of a call that was cut off is lent to nobody",
        "storage/redis/links.py",
        "        if not is_clean or self._is_closed:\n",
        "        if self._is_closed:\n",
        _calls("blocking", "cut_off"),
    ),
    Bug(
        "crosstalk-connection-lent-after-a-timeout",
        "a connection whose answer did not come in time is lent to nobody",
        "storage/redis/links.py",
        "            is_clean = type(reply) is not Trouble or reply.phase is Phase.ANSWERED\n",
        "            is_clean = True\n",
        _calls("blocking", "weather"),
    ),
    Bug(
        "crosstalk-change-that-may-have-run-made-again",
        "what may have run is not sent again",
        "storage/redis/course.py",
        "            if self._command.effect is Effect.ONCE:\n",
        "            if self._command.effect is Effect.ONCE and self._pauses:\n",
        _calls("blocking", "weather"),
    ),
    Bug(
        "crosstalk-change-that-may-have-run-made-again-in-asyncio",
        "what may have run is not sent again, whoever asks beside it",
        "storage/redis/course.py",
        "            if self._command.effect is Effect.ONCE:\n",
        "            if self._command.effect is Effect.ONCE and self._pauses:\n",
        _calls("asyncio", "killed"),
    ),
    Bug(
        "crosstalk-fork-not-noticed",
        "a child takes no connection of its parent",
        "storage/redis/links.py",
        "        after_fork(self, Links._leave_behind)\n",
        "        after_fork(self, lambda _: None)\n",
        _calls("blocking", "forked"),
    ),
    Bug(
        "crosstalk-child-reads-what-its-parent-is-told",
        "a child that goes on in the call of its parent gets an answer of its own",
        "storage/redis/link.py",
        "    if not numbers:\n        return\n",
        "    return\n",
        _calls("blocking", "and_go_on"),
    ),
    Bug(
        "crosstalk-fork-not-noticed-in-asyncio",
        "a child keeps no connection of a loop of its parent open",
        "storage/aio/redis/links.py",
        "        after_fork(self, Links._leave_behind)\n",
        "        after_fork(self, lambda _: None)\n",
        ("tests/fault/redis/test_redis_fork.py", "-k", "child_of_asyncio"),
    ),
    Bug(
        "crosstalk-mark-not-looked-at-in-a-pipeline",
        "answers of one call are handed on where its mark has come, and nowhere else",
        "storage/redis/links.py",
        "                return found is End.MARK\n",
        "                return found is not None\n",
        _calls("pipelines", "twice and blocking"),
    ),
    Bug(
        "crosstalk-mark-not-looked-at-on-a-lent-connection",
        "so it is where the connection is that of one call in asyncio",
        "storage/aio/redis/lent.py",
        "                return found is End.MARK\n",
        "                return found is not None\n",
        _calls("pipelines", "ones_own"),
    ),
    Bug(
        "crosstalk-leftover-not-looked-at-without-a-mark",
        "who may not say marks gets no answer that belongs somewhere else",
        "storage/redis/links.py",
        "        return link.is_quiet()\n",
        "        return True\n",
        _calls("pipelines", "twice and blocking"),
    ),
    Bug(
        "crosstalk-waits-for-what-is-missing",
        "where the mark comes too early nobody waits for more",
        "storage/redis/link.py",
        "            if left > 1 and reply == mark:\n",
        "            if not left:\n",
        _calls("pipelines", "does_not_come and blocking"),
    ),
    Bug(
        "crosstalk-mark-not-looked-at",
        "answers are handed on where the mark of their batch has come, and nowhere else",
        "storage/aio/redis/wire.py",
        "            if replies[-1] != mark:\n",
        "            if not replies:\n",
        _calls("batches", "weather"),
    ),
    Bug(
        "crosstalk-waiter-of-a-cancelled-call-left-out",
        "the reply to a call that was cancelled is nobody's",
        "storage/aio/redis/wire.py",
        "            for one, reply in zip(asked, replies):\n",
        "            for one, reply in zip((a for a in asked if not a[0].done()), replies):\n",
        _calls("asyncio", "cancelled"),
    ),
    Bug(
        "crosstalk-child-that-can-open-nothing",
        "a child takes no connection of its parent, whatever files are open",
        "storage/redis/link.py",
        "    os.close(min(numbers))  #",
        "    #",
        ("tests/fault/redis/test_redis_fork.py", "-k", "no_file"),
    ),
    Bug(
        "crosstalk-child-struck-while-it-lets-go",
        "a child takes no connection of its parent, whatever signal comes",
        "storage/forks.py",
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())",
        "signal.pthread_sigmask(signal.SIG_BLOCK, ())",
        ("tests/fault/test_fork.py", "-k", "signal"),
    ),
    Bug(
        "crosstalk-one-that-fails-at-a-fork-keeps-the-others",
        "what fails at a fork leaves nothing else as it was in the parent",
        "storage/forks.py",
        "            failed = error\n",
        "            raise\n",
        ("tests/fault/test_fork.py", "-k", "can_not_be_repaired"),
    ),
]
