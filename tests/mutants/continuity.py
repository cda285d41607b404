"""Bugs in what an adapter of session continuity makes of a room, and in what a kill leaves."""

from __future__ import annotations

from .bug import Bug

ADAPTER = "storage/continuity/adapter.py"
FAILING = "storage/continuity/failing.py"
OUTCOMES = "storage/core/dialog/outcomes.py"
QUERIES = "storage/core/dialog/queries.py"
WIRE = "storage/core/dialog/wire.py"
MESSAGES = "storage/core/dialog/message_checks.py"
STEPS = "storage/core/dialog/steps.py"
MEMORY = "storage/memory/dialogs.py"
SQLITE = "storage/sqlite/dialogs.py"
TERMS = "storage/redis/lua/dialog_terms.lua"
RENEW = "storage/redis/lua/dialog_renew.lua"
REMOVE = "storage/redis/lua/dialog_remove.lua"


def _laws(words: str, row: str = "memory") -> tuple[str, ...]:
    return ("tests/contract/test_continuity.py", "-k", f"{row} and storage and ({words})")


def _machine(row: str = "memory") -> tuple[str, ...]:
    return ("tests/model/test_continuity_machine.py", "-k", f"{row} and storage")


def _killed(words: str) -> tuple[str, ...]:
    return ("tests/fault/test_killed_continuity.py", "-k", words)


BUGS = [
    Bug(
        "continuity-session-without-an-end",
        "a session expires so long after each change as its adapter is told",
        ADAPTER,
        'self._terms._replace(session_ms=default_span(session_ttl, "session_ttl"))',
        "self._terms",
        _laws("expires_so_long"),
    ),
    Bug(
        "continuity-kept-for-ever",
        "an adapter keeps a session for its ttl",
        ADAPTER,
        'Terms(default_span(ttl, "the ttl of an adapter"))',
        'Terms(default_span(None, f"the ttl of an adapter {ttl}"))',
        _laws("kept_so_long"),
    ),
    Bug(
        "continuity-corrupt-among-others",
        "of several sessions, the one that can not be read is named",
        ADAPTER,
        'store=label, key=held.fields.get("id"))',
        "store=label, key=None)",
        _laws("can_not_be_read_is_named", "sqlite"),
    ),
    Bug(
        "continuity-expected-version-forgotten",
        "an update of another version is a conflict",
        OUTCOMES,
        "return Change(put, tuple(drop), compression, expected)",
        "return Change(put, tuple(drop), compression, None)",
        _laws("one_of_all_who_saw"),
    ),
    Bug(
        "continuity-conflict-with-what-was-expected",
        "a conflict tells the version that there is",
        OUTCOMES,
        "session(held).version)",
        "expected or 0)",
        _laws("is_a_conflict"),
    ),
    Bug(
        "continuity-no-session-for-no-message",
        "that there is no such message is told from that there is no such session",
        OUTCOMES,
        "    if said.status:\n        raise MessageNotFoundError(message, name)\n",
        "",
        _laws("given_back"),
    ),
    Bug(
        "continuity-missing-without-a-cause",
        "an adapter fails with what it could not do, and why",
        FAILING,
        "isinstance(error, (SessionNotFoundError, MessageNotFoundError)):\n            raise self",
        "isinstance(error, MessageNotFoundError):\n            raise self",
        _laws("not_there"),
    ),
    Bug(
        "continuity-limit-before-offset",
        "an offset goes beyond the sessions before it",
        QUERIES,
        "offset=filters.offset",
        "offset=0 * filters.offset",
        _laws("pages_are_all"),
    ),
    Bug(
        "continuity-roles-forgotten",
        "roles count before the number of messages does",
        QUERIES,
        "tuple(options.roles)",
        "()",
        _laws("pages_of_messages"),
    ),
    Bug(
        "continuity-cursor-by-another-moment",
        "a cursor goes on by what the sessions are ordered by",
        QUERIES,
        'session.created_at if by == "created" else session.last_activity_at',
        "session.created_at",
        _laws("a_cursor_goes_on"),
    ),
    Bug(
        "continuity-blocks-as-text",
        "blocks come back as blocks",
        WIRE,
        'put["contentType"] = "string" if is_text else "json"',
        'put["contentType"] = "string"',
        _laws("any_content"),
    ),
    Bug(
        "continuity-participants-without-leaving",
        "what was told of a session comes back",
        WIRE,
        '_maybe_date(told.get("leftAt"), "participants")',
        "None",
        _laws("was_told_of_a_session"),
    ),
    Bug(
        "continuity-summary-without-its-moment",
        "a compression state comes back",
        WIRE,
        '    "updated_at": _maybe_date,\n',
        "",
        _laws("quiet_update"),
    ),
    Bug(
        "continuity-tokens-that-can-not-go",
        "an update takes the count of a message away",
        MESSAGES,
        '    if told.get("token_count", 0) is None:\n',
        '    if told.get("token_count", 0) is ...:\n',
        _laws("messages_are_counted"),
    ),
    Bug(
        "continuity-metadata-of-no-object",
        "what is no object is refused, and nothing is done",
        MESSAGES,
        'metadata = message_metadata(told.pop("metadata", None))\n',
        'metadata = told.pop("metadata", None)\n',
        _laws("is_not_right_is_refused"),
    ),
    Bug(
        "continuity-emptied-and-summarized",
        "a machine sees that any change of messages takes the compression state away",
        STEPS,
        'held = held._replace(fields=guarded(fields), compression="")',
        "held = held._replace(fields=guarded(fields))",
        _machine(),
    ),
    Bug(
        "continuity-message-of-two-sessions",
        "a machine sees that a message is in one session",
        MEMORY,
        "            if self._dialogs.holder(one, now) is not None:\n",
        "            if self._dialogs.holder(one, now) is ...:\n",
        _machine(),
    ),
    Bug(
        "continuity-half-removed-in-sqlite",
        "who is killed while a session goes has taken all of it away, or nothing",
        SQLITE,
        "            cursor.execute(self._sql.discard_all, (row[0],))\n"
        "            cursor.execute(self._sql.forget, (row[0],))\n",
        "            cursor.execute(self._sql.discard_all, (row[0],))\n"
        '            cursor.execute("COMMIT")\n'
        '            cursor.execute("BEGIN IMMEDIATE")\n'
        "            cursor.execute(self._sql.forget, (row[0],))\n",
        _killed("before_any_statement and delete"),
    ),
    Bug(
        "continuity-session-outlives-its-messages",
        "who dies while messages are renewed leaves no session that outlives them",
        TERMS,
        "  if ends < NEVER and now < one.lasts and one.lasts < ends then\n",
        "  if false then\n",
        _killed("two_trips and add"),
    ),
    Bug(
        "continuity-shorter-when-all-is-renewed",
        "a session lasts as long as it has to when its messages do",
        RENEW,
        "head[4] == ARGV[5]",
        "head[4] == ARGV[9]",
        _killed("two_trips and add"),
    ),
    Bug(
        "continuity-left-in-the-list-of-a-user",
        "nothing is left of a session that is taken away",
        REMOVE,
        "'SREM'",
        "'SADD'",
        _killed("with_a_server"),
    ),
]
