"""Bugs in conversations that are written to files, and in those that are kept in entries."""

from __future__ import annotations

from .bug import Bug

LINES = "storage/core/transcripts.py"
RETELLING = "storage/core/retelling.py"
SHELL = "storage/transcripts.py"
ROOM = "storage/recalling.py"
VOLUME = "storage/core/volume.py"
TALK = "storage/core/talk.py"


def _told(words: str) -> tuple[str, ...]:
    return (
        "tests/conversation/test_transcripts.py",
        *("-k", f"(memory or dict) and storage and ({words})"),
    )


def _kept(words: str) -> tuple[str, ...]:
    return ("tests/conversation/test_recalling.py", "-k", f"blocking and ({words})")


BUGS = [
    Bug(
        "transcript-number-given-twice",
        "a number is never given twice, not after a conversation was loaded either",
        RETELLING,
        "state.seq = max(state.seq, self._about.last_seq or 0)",
        "state.seq = max(state.seq, 0)",
        _told("goes_on"),
    ),
    Bug(
        "transcript-that-begins-anew",
        "a conversation that was loaded began when it did",
        RETELLING,
        "            born = min(born, self._about.began)",
        "            pass",
        _told("what_is_loaded_is"),
    ),
    Bug(
        "transcript-later-system-prompt",
        "what was said later is no system prompt because all before it is gone",
        RETELLING,
        "            state.flags &= ~LEADING",
        "            pass",
        _told("what_is_loaded_is"),
    ),
    Bug(
        "transcript-unmarked-system-message",
        "a file says of a message of the system whether it stays",
        LINES,
        "if not stays and one.role in SYSTEM:",
        "if not stays and not one.role:",
        _told("what_is_loaded_is"),
    ),
    Bug(
        "transcript-estimate-taken-for-a-count",
        "an estimate stays one",
        RETELLING,
        "        if said.is_estimate:",
        "        if not said.is_estimate and said.is_estimate:",
        _told("what_is_loaded_is"),
    ),
    Bug(
        "transcript-half-a-conversation",
        "nothing is loaded of a conversation with a wrong line",
        RETELLING,
        "        if part.is_spoilt:\n            self._report.failed",
        "        if part.is_spoilt and not part.records:\n            self._report.failed",
        _told("between_two or wrong_line"),
    ),
    Bug(
        "transcript-without-its-first-line",
        "a wrong line may be the first one of the next conversation",
        RETELLING,
        "        if self._is_spoiling:\n            part.is_spoilt = True",
        "        if self._is_spoiling:\n            part.is_spoilt = False",
        _told("between_two"),
    ),
    Bug(
        "transcript-cut-off",
        "the last conversation of a torn file is not loaded",
        RETELLING,
        "            if self._part is not None:\n                message",
        "            if self._part is None:\n                message",
        _told("torn"),
    ),
    Bug(
        "transcript-in-two-places",
        "of two stretches of one conversation none takes the place of the other",
        RETELLING,
        "        if key in self._seen:",
        "        if not key and key in self._seen:",
        _told("stand_together"),
    ),
    Bug(
        "transcript-of-the-dead",
        "what is over is not loaded",
        RETELLING,
        "for moment in (ends, self.ends)):",
        "for moment in (ends,)):",
        _told("over_is_left_out"),
    ),
    Bug(
        "transcript-without-end",
        "what is loaded ends when it was to end",
        RETELLING,
        "return terms._replace(ttl_ms=self.ends - now)",
        "return terms",
        _told("end_is_that"),
    ),
    Bug(
        "transcript-over-what-is-there",
        "a conversation that is there stays unless it is to go",
        SHELL,
        'replaces = existing == "replace"',
        'replaces = existing != "keep"',
        _told("unless_it_is_to_go"),
    ),
    Bug(
        "transcript-instead-of-nothing",
        "a conversation that gives way is there until the other one is",
        SHELL,
        '        replaces = existing == "replace"\n',
        '        replaces = existing == "replace"\n        self._room.clear([key] * replaces)\n',
        ("tests/conversation/test_transcripts.py", "-k", "until_another"),
    ),
    Bug(
        "transcript-conflict-untold",
        "a conversation that is there is told in the report",
        SHELL,
        "            report.failed += number\n",
        "            report.kept += number\n",
        _told("unless_it_is_to_go"),
    ),
    Bug(
        "transcript-of-no-kind",
        "what is no conversation stops nobody from writing down the others",
        SHELL,
        "UNREADABLE: Final = (CorruptValueError, WrongTypeError)",
        "UNREADABLE: Final = (CorruptValueError,)",
        ("tests/conversation/test_unreadable.py", "-k", "valkey and storage"),
    ),
    Bug(
        "conversations-one-of-which-stops-all",
        "what can not be read is left out alone",
        SHELL,
        "            if len(keys) == 1:\n",
        "            if keys:\n",
        ("tests/conversation/test_unreadable.py", "-k", "dict and storage"),
    ),
    Bug(
        "transcript-skips-without-a-word",
        "what is left out of a file is told",
        SHELL,
        "            report.fail((), key, error)\n",
        "            report.kept += 1\n",
        _told("told_and_left_out"),
    ),
    Bug(
        "talk-torn-at-its-end",
        "what stands behind the last number was never appended",
        TALK,
        "while tail and tail[-1][0].seq > state.seq:",
        "while tail and not tail[-1][0].seq:",
        ("tests/conversation/test_memory_histories.py",),
    ),
    Bug(
        "talk-torn-at-its-front",
        "what is guarded stays once",
        TALK,
        "if one.flags & GUARDED and (not kept or kept[-1][0].seq < one.seq):",
        "if one.flags & GUARDED:",
        ("tests/conversation/test_memory_histories.py",),
    ),
    Bug(
        "talk-begun-without-end",
        "a conversation is there when it is known when it ends",
        "storage/memory/histories.py",
        "            more = talk.add(",
        "            talks.keep(name, talk, now)\n            more = talk.add(",
        ("tests/conversation/test_memory_histories.py",),
    ),
    Bug(
        "keys-in-memory-beyond-a-page",
        "all keys are listed",
        "storage/memory/histories.py",
        "found = nsmallest(_PAGE + 1, others)",
        "found = nsmallest(_PAGE, others)",
        ("tests/conversation/test_memory_histories.py",),
    ),
    Bug(
        "entry-append-lost",
        "a conversation is swapped for what was read",
        ROOM,
        "        return self._backend.swap(found.name, found.raw, raw, expiry)",
        "        self._backend.write(found.name, raw, expiry)\n        return True",
        ("tests/conversation/test_recalling.py", "-k", "threads_lose"),
    ),
    Bug(
        "entry-that-never-ends",
        "a backend that keeps lifetimes is told that of a conversation",
        ROOM,
        "expiry = left if self._expires else None",
        "expiry = None",
        _kept("told_when"),
    ),
    Bug(
        "entry-of-the-dead",
        "a conversation is over where the backend forgets nothing too",
        ROOM,
        "return None if self._has_come(talk.ends) else talk",
        "return talk",
        _kept("told_when and dict"),
    ),
    Bug(
        "entry-listed-when-over",
        "a conversation that is over is not listed",
        ROOM,
        "        if not self._forgets:\n            pairs",
        "        if self._forgets and page.values:\n            pairs",
        _kept("told_when and dict"),
    ),
    Bug(
        "entry-in-clear",
        "the layers of a store are those of its conversations",
        ROOM,
        "raw = self._layers.seal(found.name, volume(talk))",
        "raw = volume(talk)",
        _kept("nobody_reads"),
    ),
    Bug(
        "entry-around-a-layer",
        "conversations are not written around a layer that has no place for them",
        ROOM,
        "word = versioned or typed",
        "word = None",
        _kept("refused_by_its_name"),
    ),
    Bug(
        "entry-around-a-type",
        "a type above a secret is refused as well",
        ROOM,
        'typed = None if layers.codec is layers.plain else "typed"',
        "typed = layers.word if not layers.stages else None",
        _kept("refused_by_its_name"),
    ),
    Bug(
        "entry-cleared-while-it-changes",
        "what is forgotten is what was looked at",
        ROOM,
        "                if talk is None or packed(talk.state) != state:",
        "                if talk is None:",
        ("tests/contract/test_histories.py", "-k", "StepByStep and memory and storage"),
    ),
    Bug(
        "entry-altered-blindly",
        "who was slower edits nothing",
        ROOM,
        "if found.talk is None or packed(found.talk.state) != state:",
        "if found.talk is None:",
        ("tests/contract/test_histories.py", "-k", "StepByStep and memory and storage"),
    ),
    Bug(
        "entry-that-gives-way-to-nobody",
        "a conversation gives way where it is to",
        ROOM,
        "found = self._standing(key) if replaces else self._find(key)",
        "found = self._find(key)",
        ("tests/contract/test_histories.py", "-k", "StepByStep and memory and as_a_whole"),
    ),
    Bug(
        "entry-cut-off",
        "a conversation that is cut off is told from a whole one",
        VOLUME,
        "    if places[-1] != len(raw):",
        "    if places[-1] < 0:",
        _kept("corrupt_entry"),
    ),
]
