"""Bugs in the manager of sessions: its messages, its participants, its files, its events."""

from __future__ import annotations

from .bug import Bug

_HERE = "storage/continuity/"
_CORE = "storage/core/dialog/"


def _told(module: str, words: str = "memory") -> tuple[str, ...]:
    return (f"tests/continuity/test_{module}.py", "-k", f"({words}) and not aio")


def _bug(name: str, law: str, file: str, before: str, after: str, tests: tuple[str, ...]) -> Bug:
    return Bug(f"manager-{name}", law, file, before, after, tests)


_MESSAGES = [
    _bug(
        "counts-nothing",
        "the tokens of a new message are counted",
        f"{_HERE}messaging.py",
        'made["token_count"] = self._counted(draft(made))',
        'made["token_count"] = 0',
        _told("manager", "memory and counted"),
    ),
    _bug(
        "keeps-an-old-count",
        "a message with another text is counted anew",
        f"{_HERE}messaging.py",
        'made = {**updates, "token_count": tokens}',
        "made = updates",
        _told("manager", "memory and counted_anew"),
    ),
    _bug(
        "counts-what-was-told",
        "a change of something else leaves the count that was told",
        f"{_HERE}messaging.py",
        'if updates.get("token_count") is not None or _COUNTED.isdisjoint(told):',
        'if updates.get("token_count") is not None:',
        _told("manager", "memory and counted_anew"),
    ),
    _bug(
        "forgets-the-reserve",
        "what is left for the answer is no room for messages",
        f"{_HERE}messaging.py",
        "self._most = room(budget) if",
        "self._most = budget.max_tokens if",
        _told("manager", "memory and sessions_without_one"),
    ),
    _bug(
        "is-strict-with-all",
        "a budget that is cut later lets messages in",
        f"{_HERE}messaging.py",
        'budget is not None and budget.overflow_strategy == "error"',
        "budget is not None",
        _told("manager", "memory and sessions_without_one"),
    ),
    _bug(
        "renews-nothing",
        "a session that is used does not expire",
        f"{_HERE}messaging.py",
        "self._ttl = settings.ttl",
        "self._ttl = None",
        _told("manager", "memory and lives_on"),
    ),
    _bug(
        "tells-nobody-of-a-full-budget",
        "who listens is told that there was no room",
        f"{_HERE}messaging.py",
        "            self._contexts.exceeded(session_id, error)\n",
        "",
        _told("manager", "memory and budget_that_is_an_error"),
    ),
]

_SESSIONS = [
    _bug(
        "ends-for-a-while",
        "a session that was ended is completed",
        f"{_HERE}manager.py",
        '{"status": "completed"}',
        '{"status": "paused"}',
        _told("manager", "memory and ended_once"),
    ),
    _bug(
        "deletes-what-is-not-there",
        "a session that there is not can not be deleted",
        f"{_HERE}manager.py",
        "        if not is_done:\n            raise SessionNotFoundError(session_id)\n",
        "",
        _told("manager", "memory and is_said_so"),
    ),
    _bug(
        "pages-from-the-oldest-on",
        "the last active sessions come first",
        f"{_HERE}paging.py",
        'order_by="activity", order="desc"',
        'order_by="activity", order="asc"',
        _told("manager", "memory and page"),
    ),
    _bug(
        "pages-by-another-moment",
        "a page begins where the one before it ends",
        f"{_HERE}paging.py",
        'cursor_after(shown[-1], "activity")',
        'cursor_after(shown[-1], "created")',
        _told("manager", "memory and most_recent"),
    ),
    _bug(
        "stops-to-erase-at-the-first-failure",
        "a session that can not be deleted keeps no other of a user from it",
        f"{_HERE}sweeping.py",
        "first = first or error\n                continue",
        "first = first or error\n                break",
        _told("cleanup", "memory and of_the_same_user"),
    ),
    _bug(
        "cleans-up-what-was-renewed",
        "a session that is in use again is not deleted",
        f"{_HERE}sweeping.py",
        "delete_session(name, expired_before=_EVER)",
        "delete_session(name)",
        _told("cleanup", "memory and renewed"),
    ),
    _bug(
        "counts-what-was-not-deleted",
        "what somebody else deleted is not counted",
        f"{_HERE}sweeping.py",
        "            if is_done:\n                deleted += 1\n",
        "            if is_done or found:\n                deleted += 1\n",
        _told("cleanup", "memory and counted_twice"),
    ),
    _bug(
        "stops-at-the-first-failure",
        "a session that can not be deleted keeps no other from it",
        f"{_HERE}sweeping.py",
        '{"code": error.code, "error": str(error)})\n                continue',
        '{"code": error.code, "error": str(error)})\n                break',
        _told("cleanup", "memory and keeps_no_other"),
    ),
    _bug(
        "cleans-up-until-the-first-failure",
        "what fails once is tried again",
        f"{_HERE}sweeping.py",
        "except Exception:  # noqa: BLE001 - it goes on next time",
        "except SessionError:",
        _told("cleanup", "memory and tried_again"),
    ),
    _bug(
        "stays-open",
        "what is closed does nothing more",
        f"{_HERE}manager.py",
        "        self._sweeper.stop()\n        self._adapter.close()",
        "        self._sweeper.stop()",
        _told("cleanup", "memory and does_nothing_more"),
    ),
    _bug(
        "takes-any-adapter",
        "what is no adapter is refused when a manager is made",
        f"{_HERE}protocols.py",
        "    if isinstance(given, type) or not isinstance(given, ContinuityAdapter):\n",
        "    if given is None:\n",
        _told("bad_input", "adapter"),
    ),
]

_PARTICIPANTS = [
    _bug(
        "joins-once",
        "of those who join at once nobody is lost",
        f"{_HERE}deciding.py",
        "version = session.version if expected is None else expected",
        "version = expected",
        ("tests/continuity/test_javascript.py", "-k", "joins_while and not aio"),
    ),
    _bug(
        "gives-up-at-a-conflict",
        "who meets a conflict tries again",
        f"{_HERE}deciding.py",
        "_TRIES: Final = 10",
        "_TRIES: Final = 1",
        ("tests/continuity/test_javascript.py", "-k", "joins_while and not aio"),
    ),
    _bug(
        "tells-who-was-there",
        "who takes part already does not join",
        f"{_HERE}deciding.py",
        "        if is_new:\n",
        "        if session:\n",
        _told("participants", "memory and join_twice"),
    ),
    _bug(
        "joins-twice",
        "who takes part already does not join",
        f"{_CORE}parties.py",
        "    if any(one.id == participant.id and one.left_at is None for one in known):\n"
        "        return {}\n",
        "",
        _told("participants", "memory and join_twice"),
    ),
    _bug(
        "forgets-who-left",
        "who left is remembered",
        f"{_CORE}parties.py",
        '{"participants": _left(session.participants, name, now)}',
        '{"participants": [one for one in session.participants if one.id != name]}',
        _told("participants", "memory and remembered"),
    ),
    _bug(
        "drops-a-context",
        "what one agent tells the next is kept",
        f"{_CORE}parties.py",
        "told = handoff._replace(from_agent=before)",
        "told = handoff._replace(from_agent=before, context=None)",
        _told("participants", "memory and from_agent_to_agent"),
    ),
    _bug(
        "drops-what-is-beside-handoffs",
        "a hand-off changes nothing else in the metadata",
        f"{_CORE}parties.py",
        "    custom = _custom(session.metadata)\n",
        "    custom = _custom({})\n",
        _told("participants", "memory and from_agent_to_agent"),
    ),
    _bug(
        "keeps-the-first-handoffs",
        "the newest hand-offs are remembered",
        f"{_CORE}parties.py",
        "[*earlier, handoff_json(told)][-MOST_HANDOFFS:]",
        "[*earlier, handoff_json(told)][:MOST_HANDOFFS]",
        _told("participants", "memory and newest_handoffs"),
    ),
    _bug(
        "leaves-the-agent-before",
        "the agent who handed over takes part no longer",
        f"{_CORE}parties.py",
        "known = session.participants if before is None else "
        "_left(session.participants, before, now)",
        "known = session.participants",
        _told("participants", "memory and from_agent_to_agent"),
    ),
]

_CONTEXTS = [
    _bug(
        "summarises-each-time",
        "a summary is made once",
        f"{_HERE}contexts.py",
        "            self._keep(session.id, result, signed)\n",
        "            pass\n",
        _told("contexts", "memory and made_once"),
    ),
    _bug(
        "a-summary-is-activity",
        "a summary that was kept is no change of the session",
        f"{_HERE}contexts.py",
        "self._adapter.update_session(name, updates, quiet=True)",
        "self._adapter.update_session(name, updates)",
        _told("contexts", "memory and no_change"),
    ),
    _bug(
        "trusts-any-state",
        "a summary is made anew after any change",
        f"{_CORE}context.py",
        "state.signature != signature or state.summary is None",
        "state.summary is None",
        _told("contexts", "memory and (stranger or meanwhile)"),
    ),
    _bug(
        "lets-a-summarizer-fail-all",
        "a summarizer that fails costs no context",
        f"{_HERE}contexts.py",
        "except (CompressionError, ValidationError) as error:",
        "except TimeoutError as error:",
        _told("contexts", "memory and costs_no_context"),
    ),
    _bug(
        "prefers-the-manager",
        "a session goes by its own budget",
        f"{_HERE}contexts.py",
        "        budget = session.token_budget or self._settings.budget\n"
        "        compression = session.compression or self._settings.compression\n",
        "        budget = self._settings.budget or session.token_budget\n"
        "        compression = session.compression or self._settings.compression\n",
        _told("contexts", "memory and own_configuration"),
    ),
    _bug(
        "keeps-an-object-for-a-function",
        "an object that summarises may stand in a configuration",
        f"{_CORE}session_checks.py",
        'told["summarizer"] = summarizer(told["summarizer"])',
        'summarizer(told["summarizer"])',
        _told("contexts", "memory and object_or"),
    ),
]

_FILES = [
    _bug(
        "reads-what-is-cut-off",
        "a file that is cut off is refused",
        f"{_CORE}files.py",
        "    if not ended:\n",
        "    if not begun:\n",
        _told("files", "memory and broken"),
    ),
    _bug(
        "takes-a-message-twice",
        "every message of a file has an id of its own",
        f"{_CORE}files.py",
        'if message["id"] in ids:',
        'if not message["id"]:',
        _told("files", "memory and broken"),
    ),
    _bug(
        "keeps-half-a-file",
        "all of a file is kept, or nothing",
        f"{_HERE}files.py",
        "            self._undo(begun)\n",
        "            pass\n",
        _told("files", "memory and (leaves_all or nothing_half)"),
    ),
    _bug(
        "loses-what-it-replaces",
        "what was to be replaced is there again after a failure",
        f"{_HERE}files.py",
        "if before is not None and (there is None or is_ours):",
        "if before is not None and there is not None and not is_ours:",
        _told("files", "memory and leaves_all"),
    ),
    _bug(
        "keeps-a-budget-before-its-messages",
        "a session with more tokens than its budget has room for is read",
        f"{_CORE}files.py",
        '"last_activity_at", "token_budget")',
        '"last_activity_at")',
        _told("files", "memory and more_tokens"),
    ),
]

_EVENTS = [
    _bug(
        "stops-at-a-handler-that-raises",
        "a handler that raises keeps nobody else from it",
        f"{_HERE}events.py",
        '                self._log.exception("a handler of %s failed", event.type)\n',
        '                self._log.exception("a handler of %s failed", event.type)\n'
        "                return\n",
        ("tests/continuity/test_events.py", "-k", "keeps_nobody"),
    ),
    _bug(
        "once-is-for-ever",
        "who wants to be told once is told once",
        f"{_HERE}events.py",
        'self._listen(event, _Listener(callback(handler, "handler"), once=True))',
        'self._listen(event, _Listener(callback(handler, "handler"), once=False))',
        ("tests/continuity/test_events.py", "-k", "once"),
    ),
    _bug(
        "everything-is-nothing",
        "who listens to everything is told everything",
        f"{_HERE}events.py",
        "for name in (event, ANY):",
        "for name in (event,):",
        ("tests/continuity/test_events.py", "-k", "everything"),
    ),
    _bug(
        "tells-twice",
        "who listens twice is told once",
        f"{_HERE}events.py",
        "if not there:",
        "if True:",
        ("tests/continuity/test_events.py", "-k", "twice"),
    ),
]

_REDIS = [
    _bug(
        "takes-other-words-for-a-conflict",
        "a message that was written in other words is changed all the same",
        f"{_HERE}adapter.py",
        "                if was:\n                    said =",
        "                if not was:\n                    said =",
        ("tests/continuity/test_javascript.py", "-k", "other_words and not aio"),
    ),
    _bug(
        "takes-anything-for-other-words",
        "a message that is not what it was is not changed",
        f"{_CORE}outcomes.py",
        "if (there.content, there.metadata) != (expected.content, expected.metadata):",
        "if there is None:",
        ("tests/continuity/test_javascript.py", "-k", "other_words and not aio"),
    ),
    _bug(
        "lists-what-is-no-session",
        "the hash of another program is no session",
        "storage/redis/dialogs.py",
        'if held.fields.get("id") == name}',
        "if held}",
        ("tests/continuity/test_weaknesses.py", "-k", "two_programs and not aio"),
    ),
]

BUGS = [
    *_MESSAGES,
    *_SESSIONS,
    *_PARTICIPANTS,
    *_CONTEXTS,
    *_FILES,
    *_EVENTS,
    *_REDIS,
]
