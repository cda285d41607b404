"""Bugs in what tasks of asyncio share on the way to a server, and in what reads replies."""

from __future__ import annotations

from .bug import Bug

WIRE, LANE = "storage/aio/redis/wire.py", "storage/aio/redis/lane.py"
LINKS, OPENING = "storage/aio/redis/links.py", "storage/aio/redis/opening.py"
POOL, PARSING = "storage/aio/redis/pool.py", "storage/redis/parsing.py"


def _lane(words: str) -> tuple[str, ...]:
    return ("tests/fault/redis/test_lane.py", "-k", words)


def _loops(words: str) -> tuple[str, ...]:
    return ("tests/fault/redis/test_loops.py", "-k", words)


def _deadlines(words: str) -> tuple[str, ...]:
    return ("tests/fault/redis/test_deadlines.py", "-k", words)


def _parsing(words: str) -> tuple[str, ...]:
    return ("tests/fault/redis/test_parsing.py", "-k", words)


BUGS = [
    Bug(
        "lane-sends-nothing-before-the-end-of-a-turn",
        "the server works on half of what many ask while the others ask",
        LANE,
        "if len(self.queue) >= self._half:",
        "if False:",
        _lane("works_while"),
    ),
    Bug(
        "lane-sends-the-first-few-alone",
        "it is half of what many ask that is sent first",
        LANE,
        "self._half = half if half >= _FEWEST else math.inf",
        "self._half = _FEWEST",
        _lane("two_halves"),
    ),
    Bug(
        "lane-sends-in-ever-more-parts",
        "while the server has work, what is asked in one turn is one write",
        LANE,
        "has_work = self._owed() > self._half // 2",
        "has_work = False",
        _lane("parts"),
    ),
    Bug(
        "lane-mark-not-looked-at",
        "an answer too many or too few is noticed before any is handed on",
        WIRE,
        "if replies[-1] != mark:",
        "if not mark:",
        _lane("nobody_gets or missing_or_too_much"),
    ),
    Bug(
        "lane-error-of-another-taken-for-a-refusal",
        "an error in the place of a mark is a refusal only where all is refused",
        WIRE,
        "            isinstance(reply, Exception) and word(reply) == first for reply in replies\n",
        "            first for reply in replies\n",
        ("tests/fault/crosstalk/test_batches.py", "-k", "place_of"),
    ),
    Bug(
        "lane-mark-said-twice",
        "a mark is a word that was never said",
        "storage/redis/marks.py",
        "next(self._numbers))",
        "1)",
        ("tests/fault/redis/test_lane.py", "-k", "mark_is_said_once"),
    ),
    Bug(
        "lane-missing-answer-waited-for",
        "an answer that is missing is noticed when the mark comes",
        WIRE,
        "if replies and replies[-1] == mark:",
        "if not mark:",
        _lane("missing_or_too_much"),
    ),
    Bug(
        "lane-answer-that-nobody-asked-for",
        "what comes unasked ends the connection",
        WIRE,
        "        if self._reader.has_data():\n            self._end_of_answers()\n",
        "",
        _lane("unasked"),
    ),
    Bug(
        "lane-misled-and-trusting",
        "where answers were wrong, calls have connections of their own for a while",
        LANE,
        "        self.lend(is_for_good=False)\n",
        "        pass\n",
        ("tests/fault/redis/test_crossed_answers.py", "-k", "comes_twice and aio"),
    ),
    Bug(
        "lane-sent-though-cancelled",
        "who is cancelled before it is sent is not sent",
        LANE,
        "waiting = [one for one in first if not one[0].done()]",
        "waiting = first",
        _lane("cancelled_before or late_is_never_sent"),
    ),
    Bug(
        "lane-one-write-each",
        "what is asked in one turn of the loop is one trip",
        LANE,
        "MOST_AT_ONCE = 512\n",
        "MOST_AT_ONCE = 1\n",
        _lane("one_trip"),
    ),
    Bug(
        "lane-batch-without-a-bound",
        "a batch has a bound",
        LANE,
        " or sum(map(len, parts)) > _MOST_BYTES",
        "",
        _lane("bounded"),
    ),
    Bug(
        "lane-one-deadline-for-all",
        "each has a deadline of its own",
        WIRE,
        "                if deadline <= now:\n",
        "                if deadline < 0:\n",
        _lane("deadline_of_its_own"),
    ),
    Bug(
        "lane-short-deadline-ends-all",
        "who is late takes nothing from those who have time",
        WIRE,
        "if silent <= now + EARLY or (late and nearest == math.inf):",
        "if silent <= now + EARLY or late:",
        _lane("deadline_of_its_own"),
    ),
    Bug(
        "lane-behind-what-is-late",
        "who comes after one that was late does not stand behind it",
        WIRE,
        "            self._lane.has_doubts(self)\n",
        "            pass\n",
        _lane("deadline_of_its_own"),
    ),
    Bug(
        "lane-silence-without-end",
        "an answer that does not come is not waited for",
        LANE,
        "            self._look_at(deadline)\n",
        "            self._look_at(deadline + 1.0)\n",
        _deadlines("aio and until_the_deadline"),
    ),
    Bug(
        "lane-each-try-has-all-the-time",
        "a call that is tried again has one deadline",
        LINKS,
        "            if until < end:\n                end = until\n",
        "",
        _deadlines("left and aio"),
    ),
    Bug(
        "lane-idle-and-not-looked-at",
        "a connection that was closed while nobody used it costs nothing",
        LANE,
        "            if wire.is_quiet():\n",
        "            if not wire.in_flight:\n",
        ("tests/fault/redis/test_idle.py", "-k", "too_busy"),
    ),
    Bug(
        "lane-owes-without-end",
        "what a connection owes has a bound",
        WIRE,
        "MOST_IN_FLIGHT = 2048\n",
        "MOST_IN_FLIGHT = 1_000_000\n",
        _lane("ten_thousand"),
    ),
    Bug(
        "lane-long-before-short",
        "what is long does not keep what is short",
        LINKS,
        "        if wait or len(packed) > FITS:\n",
        "        if wait:\n",
        _lane("keep_what_is_short"),
    ),
    Bug(
        "lane-no-right-to-marks",
        "who may not say marks has connections of its own",
        LINKS,
        "is_for_good=reply is LENT or is_for_good(reply.error)",
        "is_for_good=False",
        ("tests/fault/redis/test_lane_opening.py", "-k", "says_no"),
    ),
    Bug(
        "lane-several-answers-torn-apart",
        "answers to what was asked together come together",
        WIRE,
        "        start += count or 1\n",
        "        start += 1\n",
        _lane("belong_together"),
    ),
    Bug(
        "lane-closed-in-the-middle",
        "what is under way is answered when a store is closed",
        WIRE,
        "        self._is_leaving = True\n        if not self._flying:\n",
        "        self._is_leaving = True\n        if self.link:\n",
        _loops("under_way"),
    ),
    Bug(
        "lane-closed-and-kept",
        "what is under way when a store is closed leaves no connection",
        LANE,
        "        self.retire(self.made)\n        return idle\n",
        "        return idle\n",
        _loops("all_is_answered"),
    ),
    Bug(
        "lane-leaves-and-stays",
        "a connection that only waits for answers ends with the last one",
        WIRE,
        "            if self._is_leaving and not self._flying:\n"
        "                self._end()\n            elif",
        "            if",
        _loops("all_is_answered"),
    ),
    Bug(
        "lane-cut-but-for-what-leaves",
        "the end of a loop ends what a store that was closed waits for",
        LANE,
        "        for wire in [*self.wires, *self.leaving]:\n            wire.drop(",
        "        for wire in [*self.wires]:\n            wire.drop(",
        _loops("still_waits_for"),
    ),
    Bug(
        "lane-connects-without-a-pause",
        "a server that ends what is new is not asked without a pause",
        LINKS,
        "                reply, closed = closed, CLOSED\n",
        "                reply = closed\n",
        ("tests/fault/redis/test_lane_opening.py", "-k", "without_a_pause"),
    ),
    Bug(
        "lane-error-of-the-users-kept",
        "what a function of the user's raises is raised where it was asked for",
        OPENING,
        "            outcome = _Raised(error, error.__traceback__)\n",
        "            raise error\n",
        ("tests/fault/redis/test_lane_opening.py", "-k", "of_the_users"),
    ),
    Bug(
        "lane-refused-for-good",
        "who says no to a mark for another reason is asked again",
        LINKS,
        "is_for_good=reply is LENT or is_for_good(reply.error)",
        "is_for_good=True",
        ("tests/fault/redis/test_lane_opening.py", "-k", "says_no"),
    ),
    Bug(
        "lane-everybody-connects",
        "who failed before does not give up what was opened since",
        LINKS,
        "            self._failed.setdefault(task, {})[lane] = lane.made\n",
        "            self._failed.pop(task, None)\n",
        _lane("opened_since"),
    ),
    Bug(
        "lane-third-connection",
        "two connections are enough",
        LANE,
        "_WIRES = 2\n",
        "_WIRES = 3\n",
        _lane("third_connection"),
    ),
    Bug(
        "lane-second-connection-without-work",
        "a second connection takes at once what the first one can not",
        LANE,
        "self._marks, self))\n        self.has_room()\n",
        "self._marks, self))\n",
        _lane("third_connection"),
    ),
    Bug(
        "lane-keeps-the-last-connection",
        "where one connection is allowed, one that is busy gives way",
        POOL,
        "        if not any(lane.leaving for lane in self.lanes.values()):\n            for",
        "        if all(lane.leaving for lane in self.lanes.values()):\n            for",
        _lane("gives_way"),
    ),
    Bug(
        "lane-due-and-not-scheduled",
        "who is struck while others wait to be sent takes nobody along",
        LANE,
        "                self._soon(self._flush)\n                self._is_due = True\n",
        "                self._is_due = True\n                self._soon(self._flush)\n",
        ("tests/fault/redis/test_lane_struck.py",),
    ),
    Bug(
        "lane-taken-and-not-handed-on",
        "who is struck while answers are handed on takes nobody along",
        WIRE,
        "            if len(asked) != due - 1:\n",
        "            flying.popleft()\n            flying.appendleft(([], mark, due))\n"
        "            if len(asked) != due - 1:\n",
        ("tests/fault/redis/test_lane_struck.py",),
    ),
    Bug(
        "lane-sent-and-forgotten",
        "who is struck while it is sent takes nobody along",
        LANE,
        '            self._sending.drop(ConnectionError("it was cut off"))\n',
        "            self.queue = []\n",
        ("tests/fault/redis/test_lane_struck.py",),
    ),
    Bug(
        "parsing-pairs-counted-once",
        "a map is read whole",
        PARSING,
        "self.missing: int = size * _COUNTED[kind]",
        "self.missing: int = size",
        _parsing("new_protocol"),
    ),
    Bug(
        "parsing-half-a-text",
        "what comes in pieces comes whole",
        PARSING,
        "if len(data) < end + size + 4:",
        "if len(data) < end + 4:",
        _parsing("old_protocol"),
    ),
    Bug(
        "parsing-attribute-for-a-reply",
        "what stands before a reply is no reply",
        PARSING,
        'return _OPENED if self._kind == b"|" else found',
        "return found",
        _parsing("before_a_reply"),
    ),
    Bug(
        "parsing-longer-than-it-says",
        "a text that is longer than it says is no reply",
        PARSING,
        '            if not data.startswith(b"\\r\\n", end + size + 2):\n',
        "            if size < 0:\n",
        _parsing("longer_than"),
    ),
]
