"""Run the Redis adapter and the manager that were published in JavaScript beside ours.

    python -m tests.continuity.published BUNDLE

BUNDLE is a module for Node.js that exports `RedisAdapter`, `SessionManager` and `EstimateTokenizer`
of session-continuity-kit, and `createClient` of node-redis, as a bundler makes it of their sources.
Nothing of them is kept here. Each check is a session of its own on a server of its own, which both
write to.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from storage.continuity import (
    RedisAdapter,
    SessionClosedError,
    SessionManager,
    SessionNotFoundError,
)
from storage.core.dialog.dates import iso, ms_of
from tests.servers import find_valkey, running

PROGRAM = """
import readline from 'node:readline';
const [bundle, url] = process.argv.slice(-2);
const kit = await import(bundle);
const client = kit.createClient({ url });
client.on('error', () => {});
await client.connect();
const storage = new kit.RedisAdapter({ client });
const manager = new kit.SessionManager({ storage, tokenCounter: new kit.EstimateTokenizer() });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [name, given] = JSON.parse(line);
  const on = name.startsWith('storage.') ? storage : manager;
  try {
    const answer = await on[name.split('.').pop()](...given);
    console.log(JSON.stringify({ answer: answer ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.message) }));
  }
}
await client.quit();
"""


class Refused(Exception):
    """What the other side says instead of an answer."""


class Theirs:
    """A manager in JavaScript."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *given: self._ask(name, given)

    def stored(self, name: str, *given: Any) -> Any:
        """What its adapter answers."""
        return self._ask(f"storage.{name}", given)

    def _ask(self, name: str, given: tuple[Any, ...]) -> Any:
        told, heard = self._process.stdin, self._process.stdout
        assert told is not None
        assert heard is not None
        told.write(json.dumps([name, given]) + "\n")
        told.flush()
        reply = json.loads(heard.readline())
        if "error" in reply:
            raise Refused(reply["error"])
        return reply["answer"]


@contextmanager
def theirs(bundle: str, url: str) -> Iterator[Theirs]:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "program.mjs")
        program.write_text(PROGRAM, encoding="utf-8")
        words = ["node", str(program), str(Path(bundle).resolve()), url]
        pipe = subprocess.PIPE
        with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as process:
            yield Theirs(process)


def same(ours: Any, other: dict[str, Any]) -> None:
    """A message is the same for both."""
    mine = (ours.id, ours.session_id, ours.role, ours.content, ours.token_count, ours.sequence)
    names = ("id", "sessionId", "role", "content", "tokenCount", "sequence")
    assert mine == tuple(other.get(name) for name in names), (ours, other)
    assert iso(ms_of(ours.created_at)) == other["createdAt"]
    assert (ours.metadata or None) == (other.get("metadata") or None)


def check_what_we_write(them: Theirs, us: SessionManager) -> None:
    session = us.create_session(
        user_id="u",
        active_agent_id="a",
        metadata={"title": "é😀", "tags": ["x"], "custom": {"n": [1, None]}},
        participants=[{"id": "p", "metadata": {"m": 1}}],
        token_budget={"max_tokens": 100, "reserve_tokens": 5},
        compression={"strategy": "sliding_window", "target_tokens": 50},
    )
    call = {"id": "1", "name": "f", "arguments": "{}"}
    us.add_message(session.id, role="user", content="é😀 [1]")
    us.add_message(session.id, role="user", content=[{"type": "text", "text": "hi"}])
    us.add_message(session.id, role="assistant", content="", tool_calls=[call])

    found = them.getSession(session.id)
    assert (found["userId"], found["activeAgentId"], found["status"]) == ("u", "a", "active")
    assert found["metadata"] == session.metadata
    assert found["participants"][0]["metadata"] == {"m": 1}
    assert found["tokenBudget"]["reserveTokens"] == 5
    assert found["compression"]["targetTokens"] == 50
    assert found["createdAt"] == iso(ms_of(session.created_at))
    for mine, other in zip(us.get_messages(session.id), them.getMessages(session.id), strict=True):
        same(mine, other)
    assert [one["id"] for one in them.listSessions({"userId": "u"})] == [session.id]


def check_what_they_write(them: Theirs, us: SessionManager) -> None:
    name = them.createSession(
        {
            "userId": "v",
            "metadata": {"title": "t", "tags": ["y"]},
            "participants": [],
            "tokenBudget": {"maxTokens": 9, "reserveTokens": 0, "overflowStrategy": "truncate"},
            "compression": {"strategy": "hybrid", "targetTokens": 5, "summarizer": {}},
        }
    )["id"]
    for text in ("one", "two and more", "three"):
        them.addMessage(name, {"role": "user", "content": text})
    them.addMessage(name, {"role": "tool", "content": [{"type": "text", "text": "blocks"}]})
    them.addParticipant(name, {"id": "p", "role": "agent"})
    them.handoffToAgent(name, "b")

    session = us.get_session(name)
    assert (session.user_id, session.title, session.tags) == ("v", "t", ("y",))
    assert (session.active_agent_id, session.message_count) == ("b", 4)
    assert session.token_count == sum(one.token_count or 0 for one in us.get_messages(name))
    assert [one.id for one in session.participants if one.left_at is None] == ["p"]
    assert session.version == them.getSession(name)["version"] == 7
    for mine, other in zip(us.get_messages(name), them.getMessages(name), strict=True):
        same(mine, other)
    assert [one.id for one in us.list_sessions(tags=["y"])] == [name]


def check_by_turns(them: Theirs, us: SessionManager) -> None:
    name = them.createSession({"userId": "w", "metadata": {}})["id"]
    said = []
    for number in range(6):
        text = f"message {number}"
        if number % 2:
            said.append(us.add_message(name, role="user", content=text).id)
        else:
            said.append(them.addMessage(name, {"role": "user", "content": text})["id"])
    us.update_message(name, said[0], content="ours by now")
    them.updateMessage(name, said[1], {"content": "theirs by now, and a longer text"})
    us.delete_message(name, said.pop(2))
    them.deleteMessage(name, said.pop())
    us.add_participant(name, id="p")
    them.addParticipant(name, {"id": "q", "role": "user"})
    us.handoff_to_agent(name, "a", context={"c": 1})
    them.updateSession(name, {"metadata": {**us.get_session(name).metadata, "title": "both"}})

    assert [one["id"] for one in them.getMessages(name)] == said
    for mine, other in zip(us.get_messages(name), them.getMessages(name), strict=True):
        same(mine, other)
    session = us.get_session(name)
    assert session.message_count == 4
    assert session.token_count == sum(one.token_count or 0 for one in us.get_messages(name))
    assert (session.title, session.active_agent_id) == ("both", "a")
    assert [one.id for one in session.participants] == ["p", "q", "a"]
    assert [one.context for one in us.get_handoffs(name)] == [{"c": 1}]


def check_the_end(them: Theirs, us: SessionManager) -> None:
    first, second, third = (them.createSession({"userId": "x"})["id"] for _ in range(3))
    for name in (first, second, third):
        them.addMessage(name, {"role": "user", "content": "hello"})
    them.endSession(first)
    with pytest.raises(SessionClosedError):
        us.add_message(first, role="user", content="late")
    us.delete_session(first)
    with pytest.raises(Refused, match=f"Session not found: {first}"):
        them.getSession(first)
    them.deleteSession(second)
    with pytest.raises(SessionNotFoundError):
        us.get_session(second)
    assert [one.id for one in us.list_sessions(user_id="x")] == [third]
    assert [one["id"] for one in them.listSessions({"userId": "x"})] == [third]
    assert us.erase_user("x") == 1
    assert them.listSessions({"userId": "x"}) == []


CHECKS = (check_what_we_write, check_what_they_write, check_by_turns, check_the_end)


def main(words: list[str]) -> int:
    """0 when all that was checked is so."""
    (bundle,) = words
    with tempfile.TemporaryDirectory() as folder, running(find_valkey(), Path(folder)) as server:
        for check in CHECKS:
            with theirs(bundle, server.url) as them, SessionManager(RedisAdapter(server.url)) as us:
                check(them, us)
            server.call("FLUSHALL")
            print(f"passed  {check.__name__}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
