"""Bugs in what tasks do to a file of SQLite at once."""

from __future__ import annotations

from .bug import Bug

HOPS = "storage/aio/hops.py"
_STRUCK = ("tests/fault/test_struck_hops.py",)
LIFT = "storage/aio/lift.py"
GROUPS = "storage/sqlite/groups.py"
CONNECTION = "storage/sqlite/connection.py"
BACKEND = "storage/sqlite/kv.py"
TURNS = "storage/sqlite/turns.py"
TRANSACTIONS = "storage/sqlite/transactions.py"


def _seen_by(words: str) -> tuple[str, ...]:
    return ("tests/fault/test_together.py", "-k", words)


def _turns(words: str) -> tuple[str, ...]:
    return ("tests/fault/test_turns.py", "-k", words)


def _interrupts(words: str) -> tuple[str, ...]:
    return ("tests/fault/test_interrupts.py", "-k", words)


BUGS = [
    Bug(
        "hop-for-each-call",
        "what is asked at once takes one hop and one commit",
        HOPS,
        "MOST: Final = 256",
        "MOST: Final = 1",
        _seen_by("one_hop_and_one_commit"),
    ),
    Bug(
        "hop-told-after-all-others",
        "an answer does not wait for what is done after it",
        HOPS,
        "if now >= self._looks_at + late:",
        "if now < self._looks_at + late:",
        _seen_by("does_not_wait"),
    ),
    Bug(
        "hop-cancelled-takes-others-along",
        "who is cancelled leaves the others their answers",
        HOPS,
        "        if self._future.done():\n            pass\n",
        "        if False:\n            pass\n",
        _seen_by("takes_nobody_along"),
    ),
    Bug(
        "hop-cancelled-and-done",
        "what was cancelled before it was begun is not done",
        HOPS,
        "        if self._future.cancelled():\n            return\n",
        "",
        _seen_by("cancelled_before"),
    ),
    Bug(
        "hop-into-a-closed-store",
        "a store that is closed keeps no loop waiting",
        HOPS,
        "            if not self._is_closed:",
        "            if self._sent:",
        _STRUCK,
    ),
    Bug(
        "hop-that-leaves-the-file-open",
        "a store that is not closed in time is closed all the same",
        LIFT,
        "await asyncio.shield(self._run(self._inner.close))",
        "await self._run(self._inner.close)",
        _seen_by("not_closed_in_time"),
    ),
    Bug(
        "hop-into-two-threads",
        "an interrupt leaves one thread, which does all in the order of asking",
        HOPS,
        "    if not serves.acquire(blocking=False):\n        return\n",
        "",
        _seen_by("one_thread"),
    ),
    Bug(
        "transaction-that-hides-an-interrupt",
        "an interrupt in a transaction of the caller's is raised as it is",
        TRANSACTIONS,
        "        if isinstance(error, sqlite3.Error):\n            raise\n",
        "        raise\n",
        _interrupts("of_the_callers"),
    ),
    Bug(
        "transaction-that-stays-open",
        "what an interrupt has left open is not open after a read",
        CONNECTION,
        "                if cursor.connection.in_transaction:\n"
        "                    self._undo_left_over(cursor)\n"
        "                return cursor.execute(sql, values).fetchone()",
        "                return cursor.execute(sql, values).fetchone()",
        _interrupts("left_open"),
    ),
    Bug(
        "transaction-that-stays-open-for-a-batch",
        "what an interrupt has left open is not open after a read of several",
        CONNECTION,
        "                if cursor.connection.in_transaction:\n"
        "                    self._undo_left_over(cursor)\n"
        "                return cursor.execute(sql, values).fetchall()",
        "                return cursor.execute(sql, values).fetchall()",
        _interrupts("left_open"),
    ),
    Bug(
        "group-that-fails-of-what-was-left-open",
        "what an interrupt has left open fails nothing that comes after it",
        CONNECTION,
        "                self._undo_left_over(cursor)\n            group.begin(cursor)",
        "                pass\n            group.begin(cursor)",
        _seen_by("left_open"),
    ),
    Bug(
        "turn-that-is-gone-when-it-is-taken",
        "who is struck and leaves takes no turn from another",
        TURNS,
        "with suppress(IndexError):  # others",
        "with suppress(ValueError):  # others",
        _turns("takes_no_turn"),
    ),
    Bug(
        "hop-forgotten-at-the-end",
        "what was asked before a borrowed store is let go is done",
        HOPS,
        "            lane.send()\n",
        "            pass\n",
        _seen_by("borrowed_store"),
    ),
    Bug(
        "hop-that-knows-its-store",
        "a store that is forgotten leaves no thread",
        HOPS,
        "self._worker.begin(self._joining)\n",
        "self._worker.begin(self._joining)\n            self._worker.of = self\n",
        _seen_by("is_forgotten"),
    ),
    Bug(
        "hop-to-the-thread-of-the-parent",
        "a forked process goes on with a thread of its own",
        HOPS,
        "        after_fork(self, Hops._leave_behind)\n",
        "",
        _seen_by("forked_in_the_middle and full"),
    ),
    Bug(
        "hop-that-asks-a-layer-for-a-room",
        "a blocking store of any layers has tasks at once",
        LIFT,
        "offered_or_none(backend, Joining, Names())",
        "backend.room(Joining, Names())  # type: ignore[attr-defined]",
        _seen_by("any_layers"),
    ),
    Bug(
        "group-of-steps-it-does-not-know",
        "steps of a backend that stands over a file share nothing",
        LIFT,
        "None if is_over else joining",
        "joining",
        _seen_by("stands_over"),
    ),
    Bug(
        "group-acknowledged-before-its-commit",
        "nothing is acknowledged before it is committed",
        CONNECTION,
        "if not group.begun:\n                        steps[shared]",
        "if group is not None:\n                        steps[shared]",
        _seen_by("undoes_no_other"),
    ),
    Bug(
        "group-lost-and-not-done-anew",
        "what SQLite gives up over one step is done for the others",
        CONNECTION,
        "            for step in lost:\n                _do_alone(step)",
        "            for step in lost:\n                step.keep()",
        _seen_by("undoes_no_other"),
    ),
    Bug(
        "group-with-half-a-step",
        "a step that fails in a group leaves nothing of itself",
        CONNECTION,
        "return alone(cursor, work, nested=True)",
        "return work(cursor)",
        _seen_by("undoes_no_other"),
    ),
    Bug(
        "group-commit-taken-for-granted",
        "a commit that fails is told to those it was for",
        GROUPS,
        "        except sqlite3.Error:\n            return False",
        "        except sqlite3.Error:\n            return True",
        _seen_by("undoes_no_other"),
    ),
    Bug(
        "group-that-others-keep-from-forgetting",
        "what is made while a commit is lost changes nothing",
        CONNECTION,
        "for found in self._memories.valuerefs():",
        "for found in map(weakref.ref, self._memories.values()):",
        _seen_by("while_a_commit_is_lost"),
    ),
    Bug(
        "group-undone-and-remembered",
        "what was undone is not remembered",
        CONNECTION,
        "                        memory.forget()\n",
        "                        assert memory\n",
        _seen_by("is_not_remembered"),
    ),
    Bug(
        "group-that-waits-for-each",
        "writers that wait for one lock wait once",
        GROUPS,
        "                self._bar = error",
        "                self._bar = None",
        _seen_by("all_writers_once"),
    ),
    Bug(
        "group-without-an-end",
        "a group of slow steps ends soon",
        GROUPS,
        "if monotonic() > self._until:",
        "if self._until < 0:",
        _seen_by("ends_soon"),
    ),
    Bug(
        "group-of-reads-without-an-end",
        "a thread that shares a store gets in between tasks that read",
        CONNECTION,
        "                    if group.is_over(self._cursor):\n",
        "                    elif group.is_over(self._cursor):\n",
        _seen_by("gets_in_between and get"),
    ),
    Bug(
        "group-lost-and-gone-on-with",
        "a step that loses the transaction writes nothing outside of one",
        CONNECTION,
        "        elif not cursor.connection.in_transaction:\n            raise",
        "        elif self._closed:\n            raise",
        _seen_by("outside_of_one"),
    ),
    Bug(
        "group-with-a-sweep",
        "what may take long is no part of a group",
        BACKEND,
        "    @apart\n    def sweep",
        "    def sweep",
        _seen_by("by_itself"),
    ),
    Bug(
        "group-closed-with-the-file",
        "what was asked before the end is committed",
        BACKEND,
        "    @apart\n    def close",
        "    def close",
        _seen_by("before_the_end"),
    ),
    Bug(
        "group-in-a-file-that-is-gone",
        "what nobody would ever read is refused",
        CONNECTION,
        "            self._check_file()\n            if cursor.connection.in_transaction:\n",
        "            if cursor.connection.in_transaction:\n",
        _seen_by("file_that_is_gone"),
    ),
    Bug(
        "group-in-a-transaction-of-the-callers",
        "a transaction of the caller's stays the caller's",
        CONNECTION,
        "if not self._in_file or place + 1 == len(steps)",
        "if place + 1 == len(steps)",
        _seen_by("stays_the_callers"),
    ),
    Bug(
        "group-open-to-other-threads",
        "threads stay out of a group of tasks",
        CONNECTION,
        "return self._inner_lock if self._leader is runner() else self._lock",
        "return self._inner_lock",
        _seen_by("told_is_in_the_file"),
    ),
    Bug(
        "turn-for-each-thread",
        "threads that wait for the disk wait once",
        TURNS,
        "            while len(taken) < _MOST:\n",
        "            while not taken:\n",
        _turns("share_a_commit"),
    ),
    Bug(
        "turn-with-what-takes-long",
        "what may take long is no part of what threads share",
        GROUPS,
        "    return apart(step) if is_apart(function) else step\n",
        "    return step\n",
        _turns("by_itself"),
    ),
    Bug(
        "turn-that-is-done-and-waits",
        "threads whose write is done go on and ask for the next one",
        TURNS,
        "if not self._is_next(turn):",
        "if self._is_next(turn) is None:",
        _turns("go_on"),
    ),
    Bug(
        "turn-that-raises-in-another",
        "what a thread raises is raised in no other",
        TURNS,
        "if is_struck() and not isinstance(error, Exception):",
        "if not isinstance(error, Exception):",
        _turns("in_no_other"),
    ),
    Bug(
        "turn-of-another-interrupted",
        "an interrupt strikes nothing that others want",
        TURNS,
        "is_struck() or own",
        "own",
        _turns("interrupt"),
    ),
    Bug(
        "turn-in-the-child",
        "a forked process waits for no thread of its parent",
        CONNECTION,
        "        self._group = self._leader = None\n        self._turns = self._new_turns()\n",
        "        self._group = self._leader = None\n",
        _turns("processes_lose_nothing"),
    ),
    Bug(
        "hops-struck-on-the-way",
        "what a signal's handler strikes on the way into the thread gets there all the same",
        HOPS,
        "        self.send()\n        while self._out",
        "        while self._out",
        _STRUCK,
    ),
    Bug(
        "hops-struck-while-it-is-told",
        "what is struck while it is told is told once more, and leaves nothing behind",
        HOPS,
        "                call.tell()\n            batch.is_told, batch.calls = True, []\n",
        "                call.tell()\n",
        _STRUCK,
    ),
    Bug(
        "hops-struck-and-not-looked-again",
        "where a look is struck, somebody looks again",
        HOPS,
        "self._look_soon(late=_LOST_SECONDS)",
        "self._look_soon(late=math.inf)",
        _STRUCK,
    ),
    Bug(
        "hops-sent-and-refused",
        "what was sent before the end is not refused",
        HOPS,
        "        if not batch.is_sent:\n",
        "        if batch:\n",
        _STRUCK,
    ),
    Bug(
        "hops-struck-and-sent-twice",
        "what is sent again after an interrupt is done once",
        HOPS,
        "in batch.calls if call.begin()]",
        "in batch.calls]",
        _STRUCK,
    ),
]
