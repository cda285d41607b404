"""Bugs in copies near at hand: what they are kept of, until when, and what is told of changes."""

from __future__ import annotations

from .bug import Bug

NEAR = "storage/core/near.py"
TIERED = "storage/tiered.py"


def _tests(module: str, words: str) -> tuple[str, ...]:
    return (f"tests/tiered/test_{module}.py", "-k", words)


BUGS = [
    Bug(
        "tiered-keeps-what-was-overtaken",
        "what is read while its entry changes is not kept",
        NEAR,
        "                if self._asked.get(name) is not ticket:\n"
        "                    continue\n"
        "                del self._asked[name]\n",
        "                self._asked.pop(name, None)\n",
        _tests("near", "known_to_be_wrong"),
    ),
    Bug(
        "tiered-copies-that-outlive-their-entry",
        "no copy is read after the end of its entry",
        NEAR,
        "seconds = self._seconds if left is None else min(left, self._seconds)",
        "seconds = self._seconds",
        _tests("tiered", "after_the_end"),
    ),
    Bug(
        "tiered-copies-for-ever",
        "no copy is older than the ttl",
        NEAR,
        "kept = Kept(name, raw, since + seconds)",
        "kept = Kept(name, raw, math.inf)",
        _tests("tiered", "after_the_ttl"),
    ),
    Bug(
        "tiered-without-a-bound",
        "no more copies are kept than was said",
        NEAR,
        "len(self.entries) >= self._most:",
        "len(self.entries) > self._most:",
        _tests("tiered", "no_more_are_kept"),
    ),
    Bug(
        "tiered-drops-what-is-in-use",
        "what is used stays",
        NEAR,
        "            if not used or kept.until",
        "            if used >= 0 or kept.until",
        _tests("near", "what_is_used"),
    ),
    Bug(
        "tiered-line-that-only-grows",
        "copies that come and go leave nothing behind",
        NEAR,
        "if len(self._line) > 2 * len(self.entries) + _SOME:",
        "if len(self._line) < 0:",
        _tests("near", "leaves_nothing"),
    ),
    Bug(
        "tiered-copy-of-a-closed-store",
        "copies end with what they are copies of",
        "storage/tracing.py",
        "            for near in self._nears or ():\n",
        "            for near in ():\n",
        _tests("tiered", "closed_for_its_copies"),
    ),
    Bug(
        "tiered-copy-that-nobody-vouches-for",
        "a copy is read only while it is sure that all changes were told",
        TIERED,
        "kept.until > near.clock() < near.sure",
        "kept.until > near.clock()",
        _tests("watching", "for_sure"),
    ),
    Bug(
        "tiered-copy-after-a-write",
        "what is read just before it is written is not kept",
        TIERED,
        "        finally:\n            self._near.drop(names)\n        return answer\n",
        "        finally:\n            pass\n        return answer\n",
        _tests("tiered", "just_before"),
    ),
    Bug(
        "tiered-copies-of-what-was-cleared",
        "what is cleared is not read any more",
        TIERED,
        "        self._near.empty()\n        try:\n"
        "            removed = self._backend.clear(prefix)\n"
        "        finally:\n            self._near.empty()\n",
        "        removed = self._backend.clear(prefix)\n",
        _tests("tiered", "cleared_in_a_namespace"),
    ),
    Bug(
        "tiered-change-decided-by-a-copy",
        "a change is decided by the entry and not by a copy",
        "storage/lookup.py",
        "else self._backend.read_fresh(name)",
        "else self._backend.read(name)",
        _tests("tiered", "decided_by_the_entry"),
    ),
    Bug(
        "tiered-rooms-that-write-around",
        "a room that might write around the copies is refused",
        TIERED,
        "if kind not in (*_PASSED_ON, VisitStore, TallyStore, MetadataStore):",
        "if kind is None:",
        _tests("tiered", "write_around"),
    ),
    Bug(
        "tiered-visits-that-leave-the-copy",
        "what a visit leaves behind is read",
        TIERED,
        "            room = TieredVisits(room, self._near, names)\n",
        "            pass\n",
        _tests("tiered", "session"),
    ),
    Bug(
        "tiered-notes-that-leave-the-copy",
        "what is written with a note is read",
        TIERED,
        "            room = TieredNotes(room, self._near)\n",
        "            pass\n",
        _tests("tiered", "noted"),
    ),
    Bug(
        "tiered-in-two-layers",
        "a store has copies near at hand once",
        TIERED,
        "    if offered_or_none(store._backend, NearCache, names) is not None:\n",
        "    if offered_or_none(store._backend, NearCache, names) is store:\n",
        _tests("tiered", "copies_once"),
    ),
    Bug(
        "tracking-deaf-to-a-flush",
        "when a server is emptied, so are the copies",
        "storage/redis/changes.py",
        "            self._near.empty()\n",
        "            pass\n",
        _tests("watching", "another_process_writes"),
    ),
    Bug(
        "tracking-that-trusts-silence",
        "a server that does not answer tells nothing either, and that is noticed",
        "storage/redis/changes.py",
        "return bool(self._asked) and self._near.clock() > self._asked[0] + WITHIN",
        "return False",
        _tests("watching", "for_sure"),
    ),
    Bug(
        "tracking-refused-and-kept-for-long",
        "where nobody tells, a copy is kept for two seconds",
        "storage/redis/changes.py",
        "near.open(watched=False, seconds=WITHIN)",
        "near.open(watched=False)",
        _tests("watching", "refuses"),
    ),
    Bug(
        "tracking-in-the-old-protocol",
        "a client of the old protocol is told what changes",
        "storage/redis/changes.py",
        '**maker.arguments, "protocol": 3',
        "**maker.arguments",
        _tests("watching", "overtaken"),
    ),
    Bug(
        "tracking-thread-without-an-owner",
        "when nobody holds a store any more, its thread ends",
        "storage/redis/tracking.py",
        "weakref.ref(owner, lambda _: self.stop())",
        "weakref.ref(owner)",
        _tests("watching", "nobody_holds"),
    ),
    Bug(
        "tracking-that-rests-for-an-hour",
        "a connection that was killed is made anew",
        "storage/redis/tracking.py",
        "                return longer(pause)\n",
        "                return 3600.0\n",
        _tests("watching", "is_killed"),
    ),
    Bug(
        "tracking-of-asyncio-that-keeps-a-parents-connection",
        "a forked process keeps no connection of its parent open",
        "storage/aio/redis/tracking.py",
        "        os.dup2(nothing, socket.fileno())\n",
        "        pass\n",
        _tests("elsewhere", "one_of_asyncio"),
    ),
    Bug(
        "tracking-in-a-loop-that-has-ended",
        "when an event loop has ended, the next one listens",
        "storage/aio/redis/tracking.py",
        "return not self._task.done() and not self._loop.is_closed()",
        "return True",
        _tests("elsewhere", "next_loop"),
    ),
    Bug(
        "tracking-of-one-server-only",
        "every server of a cluster tells what changes there",
        "storage/redis/tracking.py",
        "        for place in places:\n",
        "        for place in places[:1]:\n",
        _tests("elsewhere", "every_server"),
    ),
    Bug(
        "tracking-that-stays-where-it-is",
        "who takes over is listened to",
        "storage/aio/redis/tracking.py",
        "if sorted(await self._door.look_about()) != self.heard:",
        "if not sorted(await self._door.look_about()):",
        _tests("elsewhere", "who_takes_over"),
    ),
]
