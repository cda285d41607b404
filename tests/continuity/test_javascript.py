"""A bot in JavaScript and a manager of ours on one session: what either of them does, the other
sees, in both layouts that there have been."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from storage.core.dialog.errors import (
    MessageConflictError,
    MessageNotFoundError,
    SessionClosedError,
    SessionNotFoundError,
    TokenBudgetExceededError,
)
from storage.core.dialog.records import HybridConfig, Participant, TokenBudgetConfig
from tests.continuity.javascript import Javascript, scanned
from tests.continuity.managed import Managed

LAYOUTS = pytest.mark.parametrize("first", [False, True], ids=["now", "before"])

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
HELLO = [{"type": "text", "text": "hi"}]
"""What the bot says."""


class Bot(Javascript):
    """A bot in JavaScript, and what it makes of what it reads."""

    def session(self, session_id: str) -> dict[str, Any] | None:
        """A session, read strictly."""
        fields = self.fields(f"session:{session_id}")
        if not fields:
            return None
        found: dict[str, Any] = {"version": int(fields.get("version", "1"))}
        for name in ("id", "status"):
            found[name] = fields[name]
        for name in ("userId", "activeAgentId"):
            found[name] = fields.get(name)
        for name, otherwise in (("metadata", {}), ("participants", [])):
            found[name] = json.loads(fields[name]) if fields.get(name) else otherwise
        for name in ("tokenBudget", "compression"):
            found[name] = json.loads(fields[name]) if fields.get(name) else None
        for name in ("createdAt", "lastActivityAt"):
            found[name] = moment(fields[name])
        found["expiresAt"] = moment(fields["expiresAt"]) if fields.get("expiresAt") else None
        for one in found["participants"]:
            assert all(moment(one[name]) for name in ("joinedAt", "leftAt") if name in one)
        return found

    def messages(self, session_id: str) -> list[dict[str, Any]]:
        """The messages of a session, read strictly, in its order."""
        found = [self.fields(f"message:{name}") for name in self.listed(session_id)]
        return [_message(fields) for fields in found if fields]

    def sessions_of(self, user_id: str) -> list[str]:
        """The sessions of a user that are there."""
        found = self._call("SMEMBERS", f"user:{user_id}:sessions")
        names = sorted(one.decode() for one in found)
        return [name for name in names if self.session(name) is not None]


def moment(text: str) -> datetime:
    """A date as JavaScript writes it, and in no other form."""
    assert DATE.fullmatch(text), text
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _message(fields: dict[str, str]) -> dict[str, Any]:
    assert fields["contentType"] in ("string", "json")
    content = fields["content"]
    found: dict[str, Any] = {name: fields[name] for name in ("id", "sessionId", "role")}
    found["content"] = json.loads(content) if fields["contentType"] == "json" else content
    for name in ("tokenCount", "sequence"):
        found[name] = int(fields[name]) if fields.get(name) else None
    found["metadata"] = json.loads(fields["metadata"]) if fields["metadata"] else None
    found["createdAt"] = moment(fields["createdAt"])
    return found


def bot_beside(managed: Managed, *, first: bool = False, **options: Any) -> Bot:
    return Bot(managed.server, first=first, **options)


def ids(manager: Any, name: str = "s") -> list[str]:
    return [one.id for one in manager.get_messages(name)]


@LAYOUTS
def test_a_session_of_the_bot_is_read(beside_javascript: Managed, first: bool) -> None:
    bot, manager = bot_beside(beside_javascript, first=first), beside_javascript.manager()
    bot.create(
        "s",
        userId="u",
        activeAgentId="a",
        metadata='{"title":"é😀","tags":["a","b"],"custom":{"big":1e+21,"n":null}}',
        participants='[{"id":"p","role":"user","joinedAt":"2026-11-21T01:46:25.460Z"}]',
        expiresAt="2026-11-22T01:46:25.460Z",
        tokenBudget='{"maxTokens":40,"reserveTokens":0,"overflowStrategy":"compress"}',
        compression='{"strategy":"hybrid","targetTokens":30,"maxMessages":5,"summarizer":{}}',
    )
    bot.add("s", "m", 2)

    session = manager.get_session("s")
    [message] = manager.get_messages("s")

    assert (session.id, session.user_id, session.active_agent_id) == ("s", "u", "a")
    assert (session.title, session.tags) == ("é😀", ("a", "b"))
    assert session.metadata["custom"] == {"big": 1e21, "n": None}
    joined = datetime.fromisoformat("2026-11-21T01:46:25.460+00:00")
    assert session.participants == (Participant("p", "user", None, joined, None),)
    assert session.expires_at == joined.replace(day=22)
    assert session.token_budget == TokenBudgetConfig(40, 0, "compress")
    assert session.compression == HybridConfig(30, 5)
    assert session.created_at == session.last_activity_at == beside_javascript.at()
    assert (session.message_count, session.token_count) == (1, 2)
    assert session.version == (1 if first else 2)
    assert (message.content, message.token_count, message.metadata) == (HELLO, 2, None)
    assert [one.id for one in manager.list_sessions(tags=["b"])] == ["s"]
    assert [one.id for one in manager.list_sessions(user_id="u")] == ["s"]


def test_a_session_of_ours_is_read_by_the_bot(beside_javascript: Managed) -> None:
    bot, manager = bot_beside(beside_javascript), beside_javascript.manager(session_ttl=60)
    created = manager.create_session(
        session_id="s",
        user_id="u",
        active_agent_id="a",
        metadata={"title": "é😀", "tags": ["a"], "custom": {"n": [1, None]}},
        participants=[{"id": "p"}],
        token_budget={"max_tokens": 40},
        compression={"strategy": "sliding_window", "target_tokens": 30},
    )

    found = bot.session("s")

    assert found == {
        "id": "s",
        "userId": "u",
        "activeAgentId": "a",
        "status": "active",
        "metadata": {"title": "é😀", "tags": ["a"], "custom": {"n": [1, None]}},
        "participants": [
            {"id": "p", "role": "user", "joinedAt": bot.fields("session:s")["createdAt"]}
        ],
        "tokenBudget": {"maxTokens": 40, "reserveTokens": 0, "overflowStrategy": "truncate"},
        "compression": {"strategy": "sliding_window", "targetTokens": 30},
        "createdAt": created.created_at,
        "lastActivityAt": created.created_at,
        "expiresAt": beside_javascript.at(60),
        "version": 1,
    }
    assert bot.sessions_of("u") == ["s"]


@LAYOUTS
def test_messages_of_both_are_in_one_order(beside_javascript: Managed, first: bool) -> None:
    bot, manager = bot_beside(beside_javascript, first=first), beside_javascript.manager()
    bot.create("s", userId="u")
    call = {"id": "1", "name": "f", "arguments": "{}"}

    for number in range(4):
        bot.add("s", f"theirs {number}", 2)
        beside_javascript.clock.tick(1)
        manager.add_message("s", role="user", content="hello", message_id=f"ours {number}")
        beside_javascript.clock.tick(1)
    manager.add_message("s", role="assistant", content=HELLO, tool_calls=[call], message_id="call")

    names = [f"{who} {number}" for number in range(4) for who in ("theirs", "ours")] + ["call"]
    assert ids(manager) == names
    assert [one["id"] for one in bot.messages("s")] == names
    session = manager.get_session("s")
    assert (session.message_count, session.token_count) == (9, 18)
    theirs, ours, *_, last = bot.messages("s")
    assert (theirs["content"], ours["content"], ours["tokenCount"]) == (HELLO, "hello", 2)
    assert (last["content"], last["metadata"]) == (HELLO, {"toolCalls": [call]})
    if not first:
        assert [one["sequence"] for one in bot.messages("s")] == list(range(1, 10))


def update(manager: Any) -> None:
    manager.update_session("s", user_id="v", metadata={"title": "new"})


def converse(manager: Any) -> None:
    manager.add_message("s", role="user", content="hello", message_id="n")
    manager.update_message("s", "n", content="hello you", metadata={"a": 1})


OURS: dict[str, tuple[Callable[[Any], Any], Callable[[Bot], bool]]] = {
    "update": (update, lambda bot: bot.session("s")["metadata"] == {"title": "new"}),
    "move": (update, lambda bot: (bot.sessions_of("u"), bot.sessions_of("v")) == ([], ["s"])),
    "end": (lambda one: one.end_session("s"), lambda bot: _status(bot) == "completed"),
    "pause": (lambda one: one.pause_session("s"), lambda bot: _status(bot) == "paused"),
    "add": (converse, lambda bot: bot.listed("s") == ["m", "n"]),
    "amend": (converse, lambda bot: bot.messages("s")[1]["content"] == "hello you"),
    "amend metadata": (converse, lambda bot: bot.messages("s")[1]["metadata"] == {"a": 1}),
    "count": (converse, lambda bot: bot.messages("s")[1]["tokenCount"] == 3),
    "amend theirs": (
        lambda one: one.update_message("s", "m", content="ours now"),
        lambda bot: bot.messages("s")[0]["content"] == "ours now",
    ),
    "discard": (lambda one: one.delete_message("s", "m"), lambda bot: bot.messages("s") == []),
    "discard all": (lambda one: one.delete_all_messages("s"), lambda bot: bot.listed("s") == []),
    "join": (
        lambda one: one.add_participant("s", id="q", role="observer"),
        lambda bot: [one["id"] for one in bot.session("s")["participants"]] == ["p", "q"],
    ),
    "leave": (
        lambda one: one.remove_participant("s", "p"),
        lambda bot: "leftAt" in bot.session("s")["participants"][0],
    ),
    "hand over": (
        lambda one: one.handoff_to_agent("s", "b", reason="r", context=[1]),
        lambda bot: bot.session("s")["activeAgentId"] == "b",
    ),
    "hand over what": (
        lambda one: one.handoff_to_agent("s", "b", reason="r", context=[1]),
        lambda bot: bot.session("s")["metadata"]["custom"]["handoffs"][0]["context"] == [1],
    ),
    "delete": (lambda one: one.delete_session("s"), lambda bot: bot.session("s") is None),
    "erase": (lambda one: one.erase_user("u"), lambda bot: bot.sessions_of("u") == []),
}


@LAYOUTS
@pytest.mark.parametrize("what", OURS)
def test_what_we_do_is_seen_by_the_bot(beside_javascript: Managed, first: bool, what: str) -> None:
    bot, manager = bot_beside(beside_javascript, first=first), beside_javascript.manager()
    joined = '[{"id":"p","role":"user","joinedAt":"2026-11-21T01:46:25.460Z"}]'
    bot.create("s", userId="u", participants=joined)
    bot.add("s", "m", 2)
    before = bot.session("s")
    do, is_seen = OURS[what]

    do(manager)

    assert is_seen(bot)
    after = bot.session("s")
    if after is not None and after["version"] != before["version"]:
        assert after["version"] > before["version"]
    assert not set(bot.fields("session:s")) - KNOWN
    for name in bot.listed("s"):
        assert not set(bot.fields(f"message:{name}")) - KNOWN_OF_MESSAGES


KNOWN = {
    *("id", "status", "metadata", "participants", "schemaVersion", "createdAt", "version"),
    *("lastActivityAt", "userId", "activeAgentId", "expiresAt", "tokenBudget", "compression"),
}
KNOWN_OF_MESSAGES = {
    *("id", "sessionId", "role", "content", "contentType", "tokenCount", "sequence"),
    *("metadata", "createdAt", "updatedAt"),
}


def _status(bot: Bot) -> str:
    found = bot.session("s")
    assert found is not None
    return str(found["status"])


@LAYOUTS
def test_what_the_bot_does_is_seen_by_us(beside_javascript: Managed, first: bool) -> None:
    bot, manager = bot_beside(beside_javascript, first=first), beside_javascript.manager()
    manager.create_session(session_id="s", user_id="u")
    for name in "abc":
        manager.add_message("s", role="user", content="hello", message_id=name)
    if first:
        # It takes what we count for its moments.
        beside_javascript.clock.tick(1)

    bot.add("s", "d", 5)
    assert ids(manager) == list("abcd")
    assert manager.get_session("s").token_count == 11

    bot.update_message("s", "a", content="hello you", contentType="string", tokenCount="3")
    assert manager.get_messages("s")[0].content == "hello you"
    if not first:
        assert manager.get_session("s").token_count == 12

    bot.delete_message("s", "b")
    assert ids(manager) == list("acd")
    session = manager.get_session("s")
    assert (session.message_count, session.token_count) == (3, 10)
    with pytest.raises(MessageNotFoundError):
        manager.update_message("s", "b", content="x")

    bot.update("s", metadata='{"title":"theirs"}', status="completed")
    assert manager.get_session("s").title == "theirs"
    with pytest.raises(SessionClosedError):
        manager.add_message("s", role="user", content="late")

    bot.delete("s")
    with pytest.raises(SessionNotFoundError):
        manager.get_session("s")
    assert list(manager.get_messages("s")) == list(manager.list_sessions()) == []
    manager.create_session(session_id="s")
    assert (manager.get_session("s").message_count, ids(manager)) == (0, [])


@LAYOUTS
def test_the_bot_goes_on_after_us(beside_javascript: Managed, first: bool) -> None:
    """After all that a manager does, it writes the session anew, and nothing is lost."""
    bot, manager = bot_beside(beside_javascript, first=first), beside_javascript.manager()
    bot.create("s", userId="u")
    bot.add("s", "m1", 2)
    beside_javascript.clock.tick(1)
    manager.add_message("s", role="user", content="hello", message_id="m2")
    manager.add_participant("s", id="p")
    manager.handoff_to_agent("s", "a", context={"c": 1})
    manager.update_session("s", metadata={**manager.get_session("s").metadata, "title": "t"})
    beside_javascript.clock.tick(1)

    bot.update("s", status="paused")
    bot.update("s", status="active")
    bot.add("s", "m3", 2)

    session = manager.get_session("s")
    assert (session.title, session.active_agent_id, session.user_id) == ("t", "a", "u")
    assert [one.id for one in session.participants] == ["p", "a"]
    assert [one.context for one in manager.get_handoffs("s")] == [{"c": 1}]
    assert (session.message_count, session.token_count) == (3, 6)
    assert ids(manager) == ["m1", "m2", "m3"]
    manager.add_message("s", role="user", content="hello", message_id="m4")
    assert bot.listed("s") == ["m1", "m2", "m3", "m4"]


def test_who_joins_while_the_bot_writes_is_not_lost(beside_javascript: Managed) -> None:
    """It changes the session between our reading and our writing."""
    bot = bot_beside(beside_javascript)
    adapter = beside_javascript.adapter()
    left = [3]
    kind = type(adapter)

    def meanwhile() -> None:
        if left[0]:
            left[0] -= 1
            bot.update("s", metadata=json.dumps({"title": str(left[0])}))

    class Blocking(kind):  # type: ignore[misc, valid-type]
        def get_session(self, session_id: str) -> Any:
            found = super().get_session(session_id)
            meanwhile()
            return found

    class Awaited(kind):  # type: ignore[misc, valid-type]
        async def get_session(self, session_id: str) -> Any:
            found = await super().get_session(session_id)
            meanwhile()
            return found

    made = Awaited if beside_javascript.is_async else Blocking
    manager = beside_javascript.manager(made(beside_javascript.server.url))
    bot.create("s")

    session = manager.add_participant("s", id="p")

    assert (session.title, session.version) == ("0", 5)
    assert [one.id for one in session.participants] == ["p"]


def test_while_the_bot_writes_a_session_anew_it_is_not_there_and_nothing_is_lost(
    beside_javascript: Managed,
) -> None:
    bot, manager = bot_beside(beside_javascript), beside_javascript.manager()
    manager.create_session(session_id="s", user_id="u")
    manager.add_message("s", role="user", content="hello", message_id="m")

    told = bot.take_away("s")
    with pytest.raises(SessionNotFoundError):
        manager.add_message("s", role="user", content="hello", message_id="n")
    assert list(manager.list_sessions()) == list(manager.list_sessions(user_id="u")) == []
    assert manager.cleanup_expired_sessions() == 0
    bot.write_anew("s", told)

    manager.add_message("s", role="user", content="hello", message_id="n")
    session = manager.get_session("s")
    assert (session.message_count, session.token_count, session.version) == (2, 4, 2)
    assert ids(manager) == bot.listed("s") == ["m", "n"]
    assert [one.id for one in manager.list_sessions(user_id="u")] == ["s"]


@LAYOUTS
@pytest.mark.parametrize("change", ["add", "delete", "amend", "amend quietly"])
def test_a_summary_is_made_anew_when_the_bot_changes_what_was_said(
    beside_javascript: Managed, first: bool, change: str
) -> None:
    bot, made = bot_beside(beside_javascript, first=first), []

    def summarizer(messages: Any, prompt: Any) -> str:
        made.append([one.content for one in messages])
        return f"summary {len(made)}"

    manager = beside_javascript.manager(
        token_budget={"max_tokens": 50, "overflow_strategy": "compress"},
        compression={"strategy": "summarization", "target_tokens": 40},
        summarizer=summarizer,
    )
    bot.create("s")
    for number in range(10):
        bot.add("s", str(number), 8)
        beside_javascript.clock.tick(1)
    for _ in range(2):
        assert manager.get_conversation_context_with_stats("s").summary == "summary 1"

    if change == "add":
        bot.add("s", "new", 8)
    elif change == "delete":
        bot.delete_message("s", "0")
    elif change == "amend":
        bot.update_message("s", "0", content="other", contentType="string")
    else:
        beside_javascript.server.call(
            "HSET", "message:0", "content", "other", "contentType", "string"
        )

    context = manager.get_conversation_context_with_stats("s")
    assert (context.summary, context.is_cached) == ("summary 2", False)
    if change.startswith("amend"):
        assert made[1][0] == "other"


@LAYOUTS
def test_a_budget_counts_what_the_bot_says(beside_javascript: Managed, first: bool) -> None:
    bot, manager = bot_beside(beside_javascript, first=first), beside_javascript.manager()
    budget = '{"maxTokens":10,"reserveTokens":2,"overflowStrategy":"error"}'
    bot.create("s", tokenBudget=budget)
    bot.add("s", "m", 7)

    with pytest.raises(TokenBudgetExceededError) as caught:
        manager.add_message("s", role="user", content="hello")

    assert (caught.value.used, caught.value.limit, caught.value.overage) == (7, 8, 1)
    bot.delete_message("s", "m")
    manager.add_message("s", role="user", content="hello")
    assert manager.get_session("s").token_count == 2


def test_messages_without_a_count_count_nothing_until_they_are_shown(
    beside_javascript: Managed,
) -> None:
    bot, manager = bot_beside(beside_javascript), beside_javascript.manager()
    bot.create("s")
    bot.add("s", "m")
    bot.add("s", "n", 3)

    assert manager.get_session("s").token_count == 3
    assert manager.get_messages("s")[0].token_count is None
    assert manager.get_conversation_context_with_stats("s").token_count == 4


@LAYOUTS
def test_a_message_that_is_listed_and_not_there_is_none(
    beside_javascript: Managed, first: bool
) -> None:
    """Its lifetime was over before that of its session."""
    bot, manager = bot_beside(beside_javascript, first=first), beside_javascript.manager()
    bot.create("s")
    for name in "abc":
        bot.add("s", name, 2)
        beside_javascript.clock.tick(1)
    beside_javascript.server.call("DEL", "message:a")

    assert ids(manager) == ["b", "c"]
    assert [one.id for one in manager.get_messages("s", limit=1)] == ["b"]
    assert len(manager.get_conversation_context("s")) == 2
    for change in (
        lambda: manager.update_message("s", "a", content="x"),
        lambda: manager.delete_message("s", "a"),
    ):
        with pytest.raises(MessageNotFoundError):
            change()
    assert ids(manager) == ["b", "c"]
    manager.add_message("s", role="user", content="hello", message_id="d")
    session = manager.get_session("s")
    assert (session.message_count, session.token_count) == (3, 6)


def test_what_is_written_in_other_words_is_changed_all_the_same(
    beside_javascript: Managed,
) -> None:
    """JSON with spaces, dates of numbers, a content that nobody says the type of."""
    bot, manager = bot_beside(beside_javascript), beside_javascript.manager()
    adapter = beside_javascript.by_calls(beside_javascript.adapter())
    bot.create("s")
    for name in "ab":
        bot.add("s", name, 2)
    put = beside_javascript.server.call
    put("HSET", "message:a", "content", '[ {"text" : "\\u0068i", "type":"text"} ]')
    put("HSET", "message:a", "metadata", '{ "n" : 1e0, "m": [] }')
    put("HSET", "message:b", "content", "plain", "contentType", "text")
    put("HDEL", "message:b", "metadata")

    for message, told in zip(manager.get_messages("s"), ("hello you", "bye"), strict=True):
        assert manager.update_message("s", message.id, content=told).content == told
        adapter.update_message(
            "s", message.id, {"token_count": 3}, expected=message._replace(content=told)
        )

    first, second = manager.get_messages("s")
    assert (first.content, first.token_count, first.metadata) == ("hello you", 3, {"n": 1, "m": []})
    assert (second.content, second.token_count, second.metadata) == ("bye", 3, None)
    with pytest.raises(MessageConflictError):
        adapter.update_message("s", "a", {"content": "late"}, expected=second)
    assert manager.get_messages("s")[0] == first


def test_both_clean_up_what_either_of_them_made(beside_javascript: Managed) -> None:
    clock = beside_javascript.clock
    bot, manager = bot_beside(beside_javascript), beside_javascript.manager(session_ttl=10)
    manager.create_session(session_id="ours", user_id="u")
    expires = bot.fields("session:ours")["expiresAt"]
    bot.create("theirs", userId="u", expiresAt=expires)
    bot.create("stays", userId="u")
    for name in ("ours", "theirs", "stays"):
        bot.add(name, f"m {name}", 1)
    clock.tick(10)

    with pytest.raises(SessionClosedError):
        manager.add_message("theirs", role="user", content="late")
    assert manager.cleanup_expired_sessions() == 2

    assert [one.id for one in manager.list_sessions()] == ["stays"]
    assert bot.sessions_of("u") == ["stays"]
    kept = {"session:stays", "session:stays:messages", "session:stays:seq", "message:m stays"}
    beside = {"session:stays:messages:state"}
    assert set(beside_javascript.keys()) - beside == {*kept, "user:u:sessions"}


def test_the_bot_finds_no_session_that_is_none(beside_javascript: Managed) -> None:
    """What we keep beside a session it passes over when it looks for all."""
    manager = beside_javascript.manager(beside_javascript.adapter(ttl=60))
    manager.create_session(session_id="s", user_id="u")
    manager.add_message("s", role="user", content="hello")
    manager.add_participant("s", id="p")
    manager.handoff_to_agent("s", "a")

    names = {name.decode() for name in scanned(beside_javascript.server)}

    assert names == {"session:s", "session:s:seq"}


@LAYOUTS
def test_a_session_of_the_bot_goes_through_a_file(beside_javascript: Managed, first: bool) -> None:
    bot, manager = bot_beside(beside_javascript, first=first), beside_javascript.manager()
    bot.create(
        "s", userId="u", compression='{"strategy":"hybrid","targetTokens":3,"summarizer":{}}'
    )
    for name in "ab":
        bot.add("s", name, 2)
        beside_javascript.clock.tick(1)
    before, file = manager.get_session("s"), io.BytesIO()
    messages = [one._replace(sequence=None) for one in manager.get_messages("s")]

    manager.export_sessions(file)
    bot.delete("s")
    file.seek(0)
    assert manager.import_sessions(file) == 1

    assert manager.get_session("s") == before
    assert [one._replace(sequence=None) for one in manager.get_messages("s")] == messages
    assert [one["id"] for one in bot.messages("s")] == ["a", "b"]


@pytest.mark.parametrize("seed", range(4))
@LAYOUTS
def test_whoever_does_what_nothing_is_lost(
    beside_javascript: Managed, first: bool, seed: int
) -> None:
    bot, manager = bot_beside(beside_javascript, first=first), beside_javascript.manager()
    chance = random.Random(seed)
    bot.create("s", userId="u")
    tokens: dict[str, int] = {}
    for number in range(60):
        name = f"m{number}"
        which = chance.randrange(6)
        if which in (0, 1):
            size = chance.randrange(5)
            bot.add("s", name, size)
            tokens[name] = size
        elif which in (2, 3):
            size = chance.randrange(5)
            manager.add_message("s", role="user", content="x", token_count=size, message_id=name)
            tokens[name] = size
        elif tokens and which == 4:
            gone = chance.choice(list(tokens))
            if chance.random() < 0.5:
                bot.delete_message("s", gone)
            else:
                manager.delete_message("s", gone)
            del tokens[gone]
        else:
            manager.update_session("s", metadata={"title": name})
            bot.update("s", activeAgentId=name)
        beside_javascript.clock.tick(chance.choice([0.001, 0.001, 5]))

        session = manager.get_session("s")
        assert ids(manager) == bot.listed("s") == list(tokens)
        assert (session.message_count, session.token_count) == (len(tokens), sum(tokens.values()))
