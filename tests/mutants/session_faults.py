"""Bugs in sessions on bad days, and in what many of them do to each other."""

from __future__ import annotations

from .bug import Bug

MACHINE = ("tests/model/test_session_machine.py", "-k", "memory and not aio")


def _faults(words: str) -> tuple[str, ...]:
    return ("tests/fault/test_sessions.py", "-k", words)


def _crowds(words: str) -> tuple[str, ...]:
    return ("tests/sessions/test_crowds.py", "-k", f"({words}) and not valkey and not processes")


def _struck(words: str) -> tuple[str, ...]:
    return ("tests/fault/test_struck_leases.py", "-k", f"({words}) and not file")


STANDING = "storage/core/standing.py"


def _unusual(words: str) -> tuple[str, ...]:
    return ("tests/sessions/test_unusual.py", "-k", words)


BUGS = [
    Bug(
        "session-clash-forgotten",
        "after a clash in the middle the end does not write over what others changed",
        "storage/core/standing.py",
        "        wish = self._agreed(ours, found, was_there)\n",
        "        self._raw, self.found = raw, found\n"
        "        wish = self._agreed(ours, found, was_there)\n",
        MACHINE,
    ),
    Bug(
        "session-member-that-comes-back",
        "a member that was over when the session was saved is not stored at the end",
        "storage/core/drafts.py",
        "                draft.value.pop(name, None)",
        "                pass",
        MACHINE,
    ),
    Bug(
        "session-own-end-is-a-clash",
        "a session that ends by itself while a handler has it is stored",
        "storage/core/standing.py",
        "self.found is not None and (left_ms is None or left_ms > _ABOUT)",
        "self.found is not None and (left_ms is None or left_ms > -1e9)",
        MACHINE,
    ),
    Bug(
        "session-that-does-not-give-way",
        "what others made of the whole is not written over at the end, where it goes before",
        "storage/opened.py",
        "            if wish is None and not release:",
        "            if False:",
        MACHINE,
    ),
    Bug(
        "session-cleared-comes-back",
        "what was cleared and saved is not there after discard",
        "storage/core/standing.py",
        "                self.loaded.base = self._empty",
        "                pass",
        MACHINE,
    ),
    Bug(
        "session-outlives-its-end-by-a-merge",
        "a session that was merged does not outlive the end that others gave it",
        "storage/core/drafts.py",
        "        draft.ends = result.ends\n",
        "",
        MACHINE,
    ),
    Bug(
        "session-discarded-in-part",
        "what a failed handler did to a session moves none of its ends",
        "storage/core/standing.py",
        "        draft.ends = self._drafts.again(self._key, draft).ends",
        "        draft.ends = draft.ends",
        _faults("moves_none"),
    ),
    Bug(
        "session-touched-too-seldom",
        "a session that is only read lives on when a tenth of its idle time is gone",
        "storage/core/standing.py",
        "left_ms is None or expiry - left_ms >= idle / _TENTHS",
        "left_ms is None or expiry - left_ms > idle / _TENTHS",
        MACHINE,
    ),
    Bug(
        "session-lost-in-silence",
        "who outlived the lease is told so",
        "storage/seats.py",
        "        if not parting.held:",
        "        if parting.held is None:",
        _faults("outlives or late"),
    ),
    Bug(
        "session-hides-an-error",
        "the error of a handler goes before a lost lease",
        "storage/opened.py",
        "if error is None or not isinstance(failure, Exception):",
        "if error is None or failure:",
        _faults("goes_before"),
    ),
    Bug(
        "session-saved-by-the-cancelled",
        "a cancellation discards the changes, whatever is done about errors",
        "storage/core/rules.py",
        'self.on_error == "save" and isinstance(error, Exception)',
        'self.on_error == "save" and isinstance(error, BaseException)',
        _faults("cancelled_in_the_handler or struck_in"),
    ),
    Bug(
        "session-kept-by-the-cancelled",
        "the next one comes in at once after a task that was cancelled",
        "storage/opened.py",
        "                self._part(self._rules.saves(error), release=True)",
        "                if error is None or isinstance(error, Exception):\n"
        "                    self._part(self._rules.saves(error), release=True)",
        _faults("cancelled_in_the_handler or struck_in"),
    ),
    Bug(
        "session-stored-by-halves",
        "a task that is cancelled while it stores stores all and frees the session",
        "storage/seats.py",
        "self._runtime.finish(\n            self._visits.leave, self._key,",
        "self._visits.leave(\n            self._key,",
        _faults("cancelled_while_it_stores"),
    ),
    Bug(
        "session-kept-by-who-can-not-begin",
        "a session that can not begin is in nobody's way",
        "storage/opened.py",
        "        except BaseException:\n            self._seat.give_back()\n            raise\n\n"
        "    def _read",
        "        except GeneratorExit:\n            self._seat.give_back()\n            raise\n\n"
        "    def _read",
        _faults("can_not_begin"),
    ),
    Bug(
        "session-stored-by-a-child",
        "a child that is forked in a handler stores nothing",
        "storage/seats.py",
        "        self._hold.check()\n",
        "",
        _faults("forked"),
    ),
    Bug(
        "session-written-over",
        "many who change one session at once lose nothing of each other",
        "storage/core/standing.py",
        "return self._drafts.together(self._key, self.loaded, ours, found.data, policy)",
        "return ours",
        _crowds("threads and merging"),
    ),
    Bug(
        "session-takes-no-turn",
        "who works on a session waits for its turn",
        "storage/sessions.py",
        "        leases = None if key is None else self._leases\n",
        "        leases = None\n",
        _crowds("turns or order"),
    ),
    Bug(
        "session-loaded-after-its-end",
        "what is loaded after the end of a session holds nothing",
        "storage/opened.py",
        "                if not self._is_open:  # it was ended meanwhile",
        "                if False:",
        _unusual("ended_while"),
    ),
    Bug(
        "session-run-out-in-use",
        "a session that was in use when its time was over goes on",
        STANDING,
        "return data if self._ran_out(now_ms) else None",
        "return None",
        _unusual("under_who_reads"),
    ),
    Bug(
        "session-shortened-by-a-reader",
        "who only reads touches what was read, and nothing newer",
        STANDING,
        "Change(self._raw, None, expiry) if",
        "Change(None, None, expiry) if",
        _unusual("does_not_shorten"),
    ),
    Bug(
        "session-older-over-newer",
        "what newer code wrote meanwhile is not written back as older",
        STANDING,
        "self._name, raw, changing=True)",
        "self._name, raw)",
        _unusual("newer_code"),
    ),
    Bug(
        "session-clashes-with-itself",
        "what was stored without an answer is no change of somebody else",
        "storage/opened.py",
        "if standing.is_ours(parting.raw):",
        "if False:",
        ("tests/fault/redis/test_redis_sessions.py", "-k", "whose_answer_is_lost"),
    ),
    Bug(
        "session-turns-of-its-own",
        "all sessions over one object take turns",
        "storage/seats.py",
        "turns = _SHARED.turns.get(called)",
        "turns = None",
        _unusual("over_one_object"),
    ),
    Bug(
        "lease-lost-by-the-one-before",
        "a late answer about another holding says nothing of this one",
        "storage/holding.py",
        "if self._place is None or token != self.token:",
        "if self._place is None:",
        _unusual("late_answer"),
    ),
    Bug(
        "session-kept-by-a-strike-at-its-beginning",
        "a session is free after an interrupt between its lease and the handler",
        "storage/opened.py",
        "            value: S = self._standing.loaded.value\n"
        "        except BaseException:\n"
        "            self._let_go()\n",
        "            value: S = self._standing.loaded.value\n"
        "        except BaseException:\n"
        "            self._is_open = False\n",
        _struck("in_a_block or tasks_block"),
    ),
    Bug(
        "session-kept-by-a-strike-between-two-ends",
        "a session is free after an interrupt between the end of the block and its own",
        "storage/opened.py",
        "            self._let_go()\n            raise\n\n    def _open(",
        "            raise\n\n    def _open(",
        _struck("in_a_block or tasks_block"),
    ),
    Bug(
        "session-kept-by-a-strike-at-its-end",
        "a session is free after an interrupt at the beginning of its end",
        "storage/opened.py",
        "        try:\n            self._check_open()\n            self._is_open = False\n",
        "        self._check_open()\n        try:\n            self._is_open = False\n",
        _struck("in_two_halves or tasks_halves"),
    ),
    Bug(
        "session-kept-by-a-struck-run",
        "a session is free after an interrupt between its handler and its end",
        "storage/opened.py",
        "            self._let_go()\n            raise\n        return answer",
        "            raise\n        return answer",
        _struck("by_a_handler or tasks_handler"),
    ),
    Bug(
        "lease-kept-by-a-strike-at-its-end",
        "a lease is free after an interrupt while it is given back",
        "storage/holding.py",
        "            self.drop()\n            raise\n",
        "            raise\n",
        _struck("a_lease_is_free or tasks_lease"),
    ),
    Bug(
        "time-limit-taken-for-a-lost-file",
        "a time limit that strikes while a file is looked for says nothing of the file",
        "storage/sqlite/connection.py",
        "            if error.errno is None:",
        "            if False:",
        ("tests/fault/test_struck_leases.py", "-k", "only_read and file"),
    ),
]
