"""Bugs in what puregram and GramIO read and write of sessions."""

from __future__ import annotations

from .bug import Bug

LAYOUTS = "storage/core/layouts.py"
DRAFTS = "storage/core/drafts.py"
PUREGRAM = "storage/compat/puregram.py"
ORIGINALS = "storage/compat/originals.py"
GRAMIO = "storage/compat/gramio.py"
GRAMIO_STORAGES = "storage/compat/gramio_storages.py"


def _puregram(words: str) -> tuple[str, ...]:
    return ("tests/compat/test_puregram_sessions.py", "-k", words)


def _gramio(words: str) -> tuple[str, ...]:
    return ("tests/compat/test_gramio_sessions.py", "-k", words)


def _wire(words: str) -> tuple[str, ...]:
    return ("tests/wire/test_session_program.py", "-k", words)


BUGS = [
    Bug(
        "puregram-keeps-an-empty-session",
        "a session without members goes away",
        LAYOUTS,
        "lifetimes=True, keeps_empty=False)",
        "lifetimes=True)",
        _wire("empties"),
    ),
    Bug(
        "puregram-keeps-an-end",
        "a session that was emptied goes away though it has an end",
        DRAFTS,
        " or (_END in data and not self._parts(key, data).members)\n",
        "\n",
        _puregram("emptied"),
    ),
    Bug(
        "puregram-orders-parts",
        "the parts of a key stand in the order of the original",
        LAYOUTS,
        '_ORDER: Final = ("user", "chat", "thread")',
        '_ORDER: Final = ("chat", "user", "thread")',
        _wire("call_a_session"),
    ),
    Bug(
        "puregram-orders-told-parts",
        "so do those that a bot says",
        PUREGRAM,
        'for name in ("user", "chat", "thread", "key") if',
        "for name in parts if",
        _puregram("by_its_parts"),
    ),
    Bug(
        "puregram-names-a-chat-by-text",
        "a chat that is called by a text stands in the part of its own",
        PUREGRAM,
        'name = "key" if isinstance(where, str) else "chat"',
        'name = "chat"',
        _wire("call_a_session"),
    ),
    Bug(
        "puregram-forgets-own-keys",
        "a session with a part of its own is somebody's",
        LAYOUTS,
        'rest = _OWN_PART.sub("", text)',
        "rest = text",
        _puregram("taken_away"),
    ),
    Bug(
        "puregram-takes-all-for-sessions",
        "what other plugins keep is no session",
        ORIGINALS,
        "self._is_among_others = key is None and",
        "self._is_among_others = False and",
        _puregram("other_plugins"),
    ),
    Bug(
        "puregram-hides-keys-of-the-bot",
        "all are sessions where the bot says the keys",
        ORIGINALS,
        "self._is_among_others = key is None and",
        "self._is_among_others =",
        _puregram("says_the_keys"),
    ),
    Bug(
        "puregram-awaits-no-key",
        "a coroutine function that finds keys is refused when it is handed over",
        PUREGRAM,
        'plain("get_storage_key", get_storage_key)',
        "get_storage_key",
        _puregram("coroutine"),
    ),
    Bug(
        "member-ends-early",
        "a member is there until its time is over, and not when it is",
        "storage/core/session.py",
        "return now_ms - self.at > self.t",
        "return now_ms - self.at >= self.t",
        _puregram("written_as_there"),
    ),
    Bug(
        "clear-leaves-strangers",
        "who begins anew leaves nothing, not even what the type does not know",
        DRAFTS,
        "None if draft.is_anew else draft.base",
        "draft.base",
        _puregram("new_beginning"),
    ),
    Bug(
        "discard-forgets-strangers",
        "who goes back keeps what the type does not know",
        "storage/core/standing.py",
        "self._is_cleared = draft.is_anew = False",
        "self._is_cleared = False",
        _puregram("goes_back"),
    ),
    Bug(
        "lazy-loads-twice",
        "who asks for one lazy session gets the same",
        "storage/opened.py",
        "                if self._standing.draft is None:\n                    self._enter()",
        "                self._enter()",
        _gramio("at_once_get_the_same"),
    ),
    Bug(
        "initial-is-shared",
        "what one changes is not what the next one begins with",
        DRAFTS,
        "return Draft(copy, data, {}, None)",
        "return Draft(value, data, {}, None)",
        _gramio("initial_object"),
    ),
    Bug(
        "gramio-null-is-corrupt",
        "null and an empty string are no session of GramIO's",
        LAYOUTS,
        'nothing=(b"null", b""))',
        'nothing=(b"",))',
        _gramio("null_and_nothing"),
    ),
    Bug(
        "gramio-lists-scenes",
        "what stands beside sessions is none",
        ORIGINALS,
        "self._is_among_others = key is None and",
        "self._is_among_others = False and",
        _gramio("beside_sessions"),
    ),
    Bug(
        "gramio-takes-a-session-for-a-scene",
        "the scene of a user is never the session",
        GRAMIO,
        "SCENES.started(key) if isinstance(key, str) else key",
        "key",
        _gramio("called_by_its_user"),
    ),
    Bug(
        "gramio-shares-the-senderless",
        "who has no sender sees nothing of another",
        GRAMIO,
        "None if voter is None else",
        "SessionKey(user=0) if voter is None else",
        _gramio("no_sender"),
    ),
    Bug(
        "gramio-awaits-no-key",
        "a coroutine function that finds keys is refused when it is handed over",
        GRAMIO,
        'plain("get_session_key", get_session_key)',
        "get_session_key",
        _gramio("coroutine"),
    ),
    Bug(
        "gramio-has-lifetimes",
        "a record of GramIO's has no lifetimes of members",
        LAYOUTS,
        "GRAMIO: Final = Layout(Bare(), lifetimes=False,",
        "GRAMIO: Final = Layout(Bare(), lifetimes=True,",
        _gramio("member_has_no_lifetime"),
    ),
    Bug(
        "gramio-forgets-turns",
        "two updates at once lose nothing in a storage without leases",
        ORIGINALS,
        '_lock_otherwise = "process"',
        '_lock_otherwise = "auto"',
        _gramio("of_the_bots_own"),
    ),
    Bug(
        "gramio-doubles-a-tilde",
        "keys are written as they are",
        GRAMIO_STORAGES,
        "Names(said.name, verbatim=True, beside=True)",
        "Names(said.name, beside=True)",
        ("tests/wire/test_gramio_redis.py", "-k", "written_the_same"),
    ),
    Bug(
        "gramio-lists-leases",
        "no iteration meets a lease",
        GRAMIO_STORAGES,
        "Names(said.name, verbatim=True, beside=True)",
        "Names(said.name, verbatim=True)",
        ("tests/wire/test_gramio_redis.py", "-k", "lease"),
    ),
    Bug(
        "gramio-writes-elsewhere",
        "without a prefix keys have none",
        GRAMIO_STORAGES,
        'key_prefix: str = ""',
        'key_prefix: str = "gramio:"',
        ("tests/wire/test_gramio_redis.py", "-k", "prefix"),
    ),
]
