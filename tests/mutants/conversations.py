"""Bugs in what is decided about a conversation, on every backend."""

from __future__ import annotations

from .bug import Bug

TRIM = "storage/core/trim.py"
TALK = "storage/core/talk.py"
PAIRS = "storage/core/pairs.py"


def _trimmed(words: str) -> tuple[str, ...]:
    return ("tests/conversation/test_trim.py", "-k", words)


BUGS = [
    Bug(
        "history-call-of-a-result-left-out",
        "a call is not shown whose result is left out",
        TRIM,
        "            elif answer in found:\n                found.add(call)\n",
        "",
        _trimmed("only_what_is_whole"),
    ),
    Bug(
        "history-guarded-result-of-what-is-cut",
        "a guarded result is not shown where a call of it has no room",
        TRIM,
        "    out = _with_ties(marks, ties, out)\n    shown =",
        "    shown =",
        _trimmed("one_with_no_room"),
    ),
    Bug(
        "history-result-of-an-older-pinned-call",
        "a result is never taken for that of an older call that is pinned",
        PAIRS,
        "if call is None or call.flags & GUARDED > answer.flags & GUARDED:",
        "if call is None:",
        _trimmed("older_call_which_is_pinned"),
    ),
    Bug(
        "history-shown-what-leads-to-nothing",
        "what leads to something is shown only with that",
        TRIM,
        "if led is None or led in found",
        "if led in found",
        _trimmed("only_what_is_whole"),
    ),
    *[
        Bug(
            f"history-edit-lost-in-{room}",
            "an edit is not lost that others made while another one was thought out",
            file,
            before,
            after,
            ("tests/conversation/test_conversation.py", "-k", f"wrote_meanwhile and {room}"),
        )
        for room, file, before, after in (
            (
                "memory",
                TALK,
                "if any(wanted.get(seq) != old for seq, old, _ in alteration.replaced):",
                "if any(seq not in wanted for seq, old, _ in alteration.replaced):",
            ),
            (
                "sqlite",
                "storage/sqlite/histories.py",
                "if any(cursor.execute(self._sql.is_so, seq).fetchone() is None for seq in seqs):",
                "if any(cursor.execute(self._sql.is_so, seq).fetchone() is ... for seq in seqs):",
            ),
            (
                "valkey",
                "storage/redis/lua/alter.lua",
                "if one ~= ARGV[index] then",
                "if not one then",
            ),
        )
    ],
    Bug(
        "history-numbers-that-are-none",
        "no number is given that can not be written",
        "storage/core/history.py",
        "if state.seq + len(entries) > LAST_SEQ:",
        "if state.seq + len(entries) > 2 * LAST_SEQ:",
        ("tests/conversation/test_records.py", "-k", "no_number_is_given"),
    ),
    Bug(
        "history-loaded-to-the-last-number",
        "a conversation that is loaded has numbers left",
        "storage/core/transcripts.py",
        "1 <= value <= MOST_SEQ",
        "1 <= value <= 2 * MOST_SEQ",
        ("tests/conversation/test_transcripts.py", "-k", "wrong_line_is_named"),
    ),
    Bug(
        "history-body-without-a-head",
        "what has no head is no message",
        "storage/core/messages.py",
        "if len(raw) > plain and 0 < raw[0] < roles and",
        "if 0 < raw[0] < OTHER_ROLE and",
        ("tests/conversation/test_records.py", "-k", "no_head"),
    ),
    Bug(
        "history-bounds-beyond-all",
        "no bound is so large that a room can not be told it",
        "storage/core/composing.py",
        "not 1 <= most <= MOST):",
        "most < 1):",
        ("tests/conversation/test_bad_messages.py", "-k", "make_no_sense"),
    ),
    Bug(
        "history-parted-from-what-leads-to-it",
        "what leads to a message is taken away and pinned with it",
        PAIRS,
        "for tie in tied + leads if",
        "for tie in tied if",
        ("tests/conversation/test_edits.py", "-k", "what_leads_to_a_call"),
    ),
    Bug(
        "history-fork-without-calls-that-are-gone",
        "a late result of what was trimmed is dropped from a fork too",
        "storage/core/listing.py",
        "replayed(marks(records), state.born, state.opens)",
        "replayed(marks(records), state.born)",
        ("tests/conversation/test_conversation.py", "-k", "dropped_from_a_fork and memory"),
    ),
    Bug(
        "history-pinned-orphan-let-go",
        "a result of no call that is pinned stays so when it is loaded",
        "storage/core/history.py",
        'return flags | NOSTART | ORPHAN if keeps_orphans else "orphan"',
        'return flags & ~GUARDED | NOSTART | ORPHAN if keeps_orphans else "orphan"',
        ("tests/conversation/test_transcripts.py", "-k", "pinned_result_of_no_call"),
    ),
    Bug(
        "history-undone-around-what-has-no-head",
        "a message without a head is not left where all after some message goes",
        "storage/core/plans.py",
        "        if place == seen.torn:\n            raise ValueError(NO_HEAD)\n",
        "",
        ("tests/conversation/test_edits.py", "-k", "without_a_head"),
    ),
]
