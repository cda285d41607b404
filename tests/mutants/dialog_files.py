"""Bugs in what is taken of others: what they hand over, what they wrote, and files."""

from __future__ import annotations

from .bug import Bug

_FILES = "storage/continuity/files.py"
_CORE = "storage/core/dialog/"


def _tests(name: str, words: str) -> tuple[str, ...]:
    return (f"tests/continuity/test_{name}.py", "-m", "not server", "-k", words)


BUGS = [
    Bug(
        "dialog-files-half-is-whole",
        "a session that was half imported is not one that is there",
        f"{_CORE}files.py",
        "return session.metadata == _MARK and",
        "return session.metadata is _MARK and",
        _tests("files", "killed"),
    ),
    Bug(
        "dialog-files-half-for-ever",
        "what a killed import left is cleaned up",
        _FILES,
        "_IMPORT_TTL: Final = 3600",
        "_IMPORT_TTL: Final = None",
        _tests("files", "cleaned_up"),
    ),
    Bug(
        "dialog-files-undone-by-halves",
        "who stops an import finds what was there before",
        _FILES,
        "(there is None or is_ours)",
        "is_ours",
        _tests("files", "stops"),
    ),
    Bug(
        "dialog-files-one-failure-ends-the-undoing",
        "one that can not be undone does not keep the others",
        _FILES,
        "except Exception as error:",
        "except ArithmeticError as error:",
        _tests("files", "can_not_be_undone"),
    ),
    Bug(
        "dialog-files-gone-and-told",
        "a session that is deleted meanwhile is in no file",
        _FILES,
        "there = session if messages else self._adapter.get_session(session.id)",
        "there = session",
        _tests("files", "meanwhile"),
    ),
    Bug(
        "dialog-reads-no-other-strategy",
        "a compression of a strategy that nobody knows is none",
        f"{_CORE}wire.py",
        "CONFIGS.get(name) if isinstance(name, str) else None",
        "CONFIGS[name] if isinstance(name, str) else None",
        _tests("reading", "nobody_knows"),
    ),
    Bug(
        "dialog-reads-any-type",
        "a member of another type is told by its name",
        f"{_CORE}wire.py",
        "if type(told) not in (int, float):",
        "if told is None:",
        _tests("reading", "another_type"),
    ),
    Bug(
        "dialog-arguments-unchecked",
        "calls are checked member by member",
        f"{_CORE}message_checks.py",
        'any_text(value, f"{theirs} in {name}")',
        "str(value)",
        _tests("bad_input", "test_a_message_that_is_none"),
    ),
    Bug(
        "dialog-state-by-anybody",
        "the state of a compression is told by a quiet change only",
        f"{_CORE}session_checks.py",
        "(name in _QUIET and not quiet)",
        '(name == "last_activity_at" and not quiet)',
        _tests("bad_input", "change_of_a_session or state_of"),
    ),
    Bug(
        "dialog-error-shows-it",
        "no error shows what was handed over",
        f"{_CORE}checks.py",
        'other = "another text" if isinstance(given, str) else kind(given)',
        "other = repr(given)",
        _tests("bad_input", "no_error_shows"),
    ),
]
