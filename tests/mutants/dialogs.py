"""Bugs in what becomes of sessions with each step, and in those of memory."""

from __future__ import annotations

from .bug import Bug

STEPS = "storage/core/dialog/steps.py"
CHOOSING = "storage/core/dialog/choosing.py"
MEMORY = "storage/memory/dialogs.py"


def _laws(words: str) -> tuple[str, ...]:
    return ("tests/continuity/test_dialog_rooms.py", "-k", f"memory-blocking and ({words})")


def _memory(words: str) -> tuple[str, ...]:
    return ("tests/continuity/test_memory_dialogs.py", "-k", words)


BUGS = [
    Bug(
        "dialog-version-stays",
        "a change raises the version by one",
        STEPS,
        "version if change.quiet else version + 1",
        "version",
        _laws("raises_the_version"),
    ),
    Bug(
        "dialog-version-not-looked-at",
        "a change of another version is refused",
        STEPS,
        "change.expected is not None and change.expected != version",
        "change.expected is not None and change.expected > version",
        _laws("of_another_version"),
    ),
    Bug(
        "dialog-quiet-change-is-activity",
        "a quiet change leaves moments and lifetimes",
        STEPS,
        "    if change.quiet:\n",
        "    if change.quiet and change.expected:\n",
        _laws("quiet_change"),
    ),
    Bug(
        "dialog-over-and-written-to",
        "a session that is over takes no message and no change",
        STEPS,
        '_OVER: Final = ("completed", "expired")',
        '_OVER: Final = ("completed",)',
        _laws("is_over_is_read"),
    ),
    Bug(
        "dialog-past-its-end-and-written-to",
        "a session is closed from its end on",
        STEPS,
        "expires is not None and expires <= by",
        "expires is not None and expires < by",
        _laws("from_its_end_on"),
    ),
    Bug(
        "dialog-paused-and-talking",
        "a paused session takes no message",
        STEPS,
        '    if not status and held.fields.get("status") == "paused":\n',
        '    if not status and held.fields.get("status") == "":\n',
        _laws("paused_session"),
    ),
    Bug(
        "dialog-opened-by-emptying",
        "who empties an expired session does not open it",
        STEPS,
        "renews=not standing(fields, now))",
        "renews=True)",
        _laws("does_not_open_it"),
    ),
    Bug(
        "dialog-end-told-and-overwritten",
        "an expiresAt that a change tells is kept",
        STEPS,
        "_stir(fields, terms, now, renews=not is_told)",
        "_stir(fields, terms, now, renews=True)",
        _laws("is_not_renewed_by_the_change"),
    ),
    Bug(
        "dialog-ttl-of-another-taken-away",
        "terms that say nothing leave the end that somebody else has set",
        STEPS,
        "return before if terms.ttl_ms is None else",
        "return None if terms.ttl_ms is None else",
        _laws("leaves_the_end"),
    ),
    Bug(
        "dialog-message-before-the-one-before",
        "a message is never made before the one before it",
        STEPS,
        "written(max(now, last))",
        "written(now)",
        _laws("a_number_a_session"),
    ),
    Bug(
        "dialog-tokens-not-recounted",
        "a changed message counts what it says now",
        STEPS,
        "- tokens_of(message) + tokens_of(kept)",
        "- tokens_of(message) + tokens_of(message)",
        _laws("counts_anew"),
    ),
    Bug(
        "dialog-message-moved-by-a-change",
        "a changed message keeps its id, its session and its number",
        STEPS,
        "    kept.update({name: message[name] for name in FIXED if name in message})\n",
        "",
        _laws("keeps_its_place"),
    ),
    Bug(
        "dialog-summary-of-what-was",
        "any change of messages takes the compression state away",
        STEPS,
        'held._replace(fields=guarded(fields), compression="")',
        "held._replace(fields=guarded(fields))",
        _laws("takes_the_compression_state"),
    ),
    Bug(
        "dialog-budget-without-its-reserve",
        "what is reserved of a budget is not there for messages",
        STEPS,
        "max(0, most - (_number(",
        "max(0, most - 0 * (_number(",
        _laws("too_much_is_refused"),
    ),
    Bug(
        "dialog-budget-of-any-strategy",
        "only a budget whose strategy is error refuses",
        STEPS,
        '    if budget.get("overflowStrategy") != "error":\n        return None\n',
        "",
        _laws("too_much_is_refused"),
    ),
    Bug(
        "dialog-handed-out-to-be-changed",
        "nobody can change what is handed out",
        STEPS,
        "    return MappingProxyType(fields)\n",
        "    return fields\n",
        _laws("nobody_can_change"),
    ),
    Bug(
        "dialog-limit-before-conditions",
        "conditions count before the number does",
        CHOOSING,
        "        messages = (one for one in messages if is_asked_for(one, asked))\n"
        "    return list(islice(messages, *stretch(asked.offset, asked.limit)))\n",
        "        found = list(islice(messages, *stretch(asked.offset, asked.limit)))\n"
        "        return [one for one in found if is_asked_for(one, asked)]\n"
        "    return list(islice(messages, *stretch(asked.offset, asked.limit)))\n",
        _laws("filtered_before"),
    ),
    Bug(
        "dialog-listing-says-one-twice",
        "a listing goes on after the session where another ended",
        CHOOSING,
        "if one[0] > past]",
        "if one[0] >= past]",
        _laws("goes_on_where"),
    ),
    Bug(
        "dialog-order-of-one-moment-by-chance",
        "sessions of one moment are in the order of their ids",
        CHOOSING,
        '_place(moment_of(fields, by), fields.get("id", ""), wanted.newest)',
        '_place(moment_of(fields, by), "", wanted.newest)',
        _laws("order_in_which"),
    ),
    Bug(
        "dialog-bad-date-breaks-a-listing",
        "a moment that can not be read is before all others",
        CHOOSING,
        "        return moment(text) if text else None\n    except ValueError:\n",
        "        return moment(text) if text else None\n    except KeyError:\n",
        _laws("moment_that_can_not_be_read"),
    ),
    Bug(
        "dialog-tags-of-rubbish",
        "metadata that is no JSON has no tags",
        CHOOSING,
        "    except UnreadableError:\n",
        "    except KeyError:\n",
        _laws("conditions_count"),
    ),
    Bug(
        "dialog-id-of-two-messages",
        "an id is that of one message in the whole store",
        MEMORY,
        "            if self._dialogs.holder(one, now) is not None:\n",
        "            if self._dialogs.holder(one, now) == name:\n",
        _laws("one_message_in_the_whole_store"),
    ),
    Bug(
        "dialog-over-and-in-memory",
        "what is over is absent",
        MEMORY,
        "        if not session.dialog.is_over(now):\n",
        "        if not session.dialog.is_over(now - 1):\n",
        _laws("is_absent or renews_how_long"),
    ),
    Bug(
        "dialog-cleared-before-its-end-in-memory",
        "a session that is not past its end is not cleared away",
        MEMORY,
        "min(expired_by, now)",
        "expired_by",
        _laws("renewed_is_not_cleared"),
    ),
    Bug(
        "dialog-for-ever-in-memory",
        "a store that only begins sessions keeps no more than live",
        MEMORY,
        "            self.free(now)\n            self._most",
        "            self._most",
        _memory("only_begins"),
    ),
    Bug(
        "dialog-ids-for-ever-in-memory",
        "what is known of a message goes with it",
        MEMORY,
        "            self._dialogs.forget(name, gone)\n",
        "",
        _memory("taken_away_is_free"),
    ),
    Bug(
        "dialog-half-a-step-in-memory",
        "who is interrupted has done a step or not",
        MEMORY,
        "        session.settle()\n        if not",
        "        if not",
        _memory("interrupted"),
    ),
    Bug(
        "dialog-threads-at-once-in-memory",
        "what threads add at once is counted exactly",
        MEMORY,
        '        name, one = self._name(session_id), self._name(message["id"])\n'
        "        with self._dialogs.lock:\n",
        '        name, one = self._name(session_id), self._name(message["id"])\n'
        "        with mutex():\n",
        _memory("two_handles"),
    ),
    Bug(
        "dialog-namespaces-mixed-in-memory",
        "a namespace lists its own sessions",
        MEMORY,
        "for name in list(self._sessions) if name[0] == prefix]",
        "for name in list(self._sessions)]",
        _laws("namespaces"),
    ),
]
