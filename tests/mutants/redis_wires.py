"""Bugs in how the connections of tasks are opened, struck, closed and given up."""

from __future__ import annotations

from .bug import Bug

WIRE, LANE = "storage/aio/redis/wire.py", "storage/aio/redis/lane.py"
LINKS, OPENING = "storage/aio/redis/links.py", "storage/aio/redis/opening.py"
POOL, LENT = "storage/aio/redis/pool.py", "storage/aio/redis/lent.py"
LINK = "storage/aio/redis/link.py"


def _in(name: str, words: str) -> tuple[str, ...]:
    return (f"tests/fault/redis/test_lane{name}.py", "-k", words)


COME_AND_GO = _in("_struck", "come_and_go")
DEADLINES = _in("_struck", "deadline_passes")

BUGS = [
    Bug(
        "wires-refusal-beside-a-list-not-told",
        "who shares a batch with a list is told what the server refused",
        WIRE,
        "            replies = _in_lists(asked, replies)\n        for",
        "            asked = []\n        for",
        _in("_refused", "beside_a_list"),
    ),
    Bug(
        "wires-given-up-before-it-is-read",
        "what has come when the deadline passes is taken",
        LANE,
        "                self._soon(self._look)\n",
        "                self._look()\n",
        _in("", "has_come"),
    ),
    Bug(
        "wires-closed-one-after-the-other",
        "who closes a store waits for all its connections at once",
        POOL,
        "            await asyncio.gather("
        "*(link.close() for link in links), return_exceptions=True)\n",
        "            for link in links:\n                with suppress(Exception):\n"
        "                    await link.close()\n",
        _in("_closed", "in_peace"),
    ),
    Bug(
        "wires-not-cut",
        "a connection that can not be ended in peace is cut",
        POOL,
        "            for link in links:\n                link.cut()\n",
        "            pass\n",
        _in("_closed", "does_not_wait"),
    ),
    Bug(
        "wires-closed-twice",
        "what TLS closes slowly can be cut",
        LINK,
        "        if self._transport is None or not self._transport.is_closing():\n",
        "        if self.connection is not None:\n",
        _in("_closed", "in_peace or does_not_wait"),
    ),
    Bug(
        "wires-grow-when-closed",
        "a store that is closed opens no connection",
        LANE,
        "        self.grow = _nothing\n        if",
        "        if",
        _in("_closed", "takes_opens_none"),
    ),
    Bug(
        "wires-opened-by-a-search",
        "who is closed while it looks for its servers opens no connection to them",
        LINKS,
        "        if self._lent.is_closed:\n            lane.close()\n",
        "",
        _in("_closed", "looks_for"),
    ),
    Bug(
        "wires-no-deadline-after-the-end",
        "a loop that goes on after its end has deadlines",
        LENT,
        "reply = await link.reply(self.limit_of(until, wait, budget))",
        "reply = await link.reply(60.0)",
        _in("_closed", "goes_on"),
    ),
    Bug(
        "wires-opening-that-never-ends",
        "an attempt to connect that was cancelled before it began is over",
        OPENING,
        "        self._task.add_done_callback(self._stopped)\n",
        "",
        _in("_opening", "all_tasks"),
    ),
    Bug(
        "wires-opening-not-begun",
        "an attempt to connect that never began is over",
        LANE,
        "                opening.cancel()\n                raise\n",
        "                raise\n",
        COME_AND_GO,
    ),
    Bug(
        "wires-error-kept",
        "an error that was told is kept by nobody",
        OPENING,
        "        self._outcome = None  # those who",
        "        # those who",
        _in("_opening", "kept_by_nobody"),
    ),
    Bug(
        "wires-frames-of-others",
        "an error that many are told shows each of them no other",
        OPENING,
        "raise outcome.error.with_traceback(outcome.trace)",
        "raise outcome.error",
        _in("_opening", "no_other"),
    ),
    Bug(
        "wires-timer-keeps-its-caller",
        "nothing of a call is kept when it is over",
        LANE,
        "self._look, context=self._context)",
        "self._look)",
        _in("_opening", "kept_for_its_deadline"),
    ),
    Bug(
        "wires-lost-timer",
        "who is struck when a deadline passes takes no deadline along",
        LANE,
        "            self._look_at(monotonic() + EARLY)\n            raise\n",
        "            raise\n",
        DEADLINES,
    ),
    Bug(
        "wires-leaves-before-it-is-told",
        "a connection that is to give way does",
        LANE,
        "            wire.leave()\n            if wire in self.wires:\n"
        "                self.leaving.add(wire)\n                self.wires.remove(wire)\n",
        "            self.leaving.add(wire)\n            self.wires.remove(wire)\n"
        "            wire.leave()\n",
        COME_AND_GO,
    ),
    Bug(
        "wires-forgotten-before-it-is-closed",
        "a connection that nobody knows is closed",
        WIRE,
        "        self._transport.close()\n        self._lane.is_over(self)\n",
        "        self._lane.is_over(self)\n        self._transport.close()\n",
        COME_AND_GO,
    ),
    Bug(
        "wires-error-of-who-waits-replaced",
        "who is struck while it waits for a connection is told so",
        POOL,
        "waiter.cancel() or waiter.cancelled()",
        "waiter.cancelled()",
        COME_AND_GO,
    ),
    Bug(
        "wires-pressed-once",
        "who waits for a connection gets one that was shared meanwhile",
        POOL,
        "        self._look_again(waiter, until)\n        self.press()\n",
        "        self._look_again(waiter, until)\n",
        _in("", "shared_meanwhile"),
    ),
    Bug(
        "wires-new-and-lost",
        "a connection that was opened and can not be shared is closed",
        LINKS,
        "            if link is not None:\n                await self._lent.dropped(pool, link)\n",
        "            pass\n",
        COME_AND_GO,
    ),
    Bug(
        "wires-sent-again-when-struck-again",
        "nothing is sent twice, whatever signal handlers do",
        LANE,
        "            self._sending = wire\n",
        "            pass\n",
        _in("_struck", "once_more"),
    ),
    Bug(
        "wires-unknown-command-not-known",
        "a server that knows no marks is asked without them",
        "storage/redis/replies.py",
        '("NOPERM", "ERR", "unknown")',
        '("NOPERM", "ERR")',
        _in("_refused", "knows_no_marks"),
    ),
    Bug(
        "wires-child-says-marks-of-its-parent",
        "a mark is a word that was never said, in no process",
        LENT,
        "        self._marks = Marks()\n\n    async def forget",
        "        pass\n\n    async def forget",
        _in("_forked", "no_mark_of_its_parent"),
    ),
    Bug(
        "wires-lost-on-the-way-to-a-call",
        "who is struck before it has a connection leaves it to the next one",
        LENT,
        "            return link\n        except BaseException:\n            if link is not None:\n"
        "                await self.dropped(pool, link)\n            raise\n\n"
        "    async def _made_room",
        "            return link\n        finally:\n            pass\n\n    async def _made_room",
        COME_AND_GO,
    ),
    Bug(
        "wires-room-that-nobody-looks-for",
        "who waits for a connection gets the room of one that is struck and tells nobody",
        POOL,
        "self.waiting[0] is waiter:\n            self.handed_over(None)\n",
        "self.waiting[0] is waiter:\n            pass\n",
        COME_AND_GO,
    ),
    Bug(
        "wires-opened-all-the-same",
        "what connects though it was cancelled is closed with its store, and with its loop",
        LANE,
        "        if monotonic() < self._lent_until:  #",
        "        if self._lent_until < 0:  #",
        _in("_closed", "all_the_same"),
    ),
    Bug(
        "wires-opened-while-others-are-misled",
        "what connects while others are misled is not shared either",
        LANE,
        "        if monotonic() < self._lent_until:  #",
        "        if self._lent_until == math.inf:  #",
        _in("_opening", "misled"),
    ),
    Bug(
        "wires-opened-after-the-end",
        "what a loop opens after its end is closed after the call",
        LENT,
        " or self.is_closed or pool.is_cut:",
        " or self.is_closed:",
        _in("_closed", "after_its_end"),
    ),
    Bug(
        "wires-shared-after-the-end",
        "what a loop opens after its end is not shared",
        LANE,
        "        self._lent_until = math.inf\n",
        "        pass\n",
        _in("_closed", "after_its_end"),
    ),
    Bug(
        "wires-places-for-ever",
        "servers that are gone are forgotten",
        POOL,
        "        self._forget_places()\n",
        "",
        _in("_places", "gone"),
    ),
    Bug(
        "wires-places-of-what-has-ended",
        "a connection that has ended keeps no server in mind",
        POOL,
        "for link in [link for link in links if link.has_news()]:",
        "for link in []:",
        _in("_places", "gone"),
    ),
    Bug(
        "wires-places-of-failures",
        "a task that failed keeps no server in mind",
        LINKS,
        "self._failed.setdefault(task, weakref.WeakKeyDictionary())",
        "self._failed.setdefault(task, {})  # type: ignore[arg-type]",
        _in("_places", "gone"),
    ),
    Bug(
        "wires-places-forgotten-in-use",
        "servers to which connections lead are remembered",
        POOL,
        "if place not in led and not lane.is_used:",
        "if place in led:",
        _in("_places", "remembered"),
    ),
    Bug(
        "wires-kept-by-a-child-with-many-files",
        "a child lets go of its parent's connections where no file can be opened",
        "storage/forks.py",
        "    os.close(min(ours))  #",
        "    #",
        ("tests/fault/redis/test_redis_fork.py", "-k", "nor_does_one"),
    ),
    Bug(
        "wires-handed-over-and-nobodys",
        "a connection is closed that was handed to somebody who was cancelled while all was closed",
        POOL,
        "            self.lost(link)\n            link.cut()\n        else:\n",
        "            pass\n        else:\n",
        _in("_closed", "handed_to"),
    ),
]
