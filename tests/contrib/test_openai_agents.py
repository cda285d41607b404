"""Sessions of openai-agents: an agent remembers, and what it was told is kept item by item."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import agents
import pytest
import redis
from agents.extensions.memory import EncryptedSession

import storage
from storage import aio
from storage.contrib.openai_agents import Session
from storage.testing import Clock
from tests.contrib.ground import Place, Script, called, messages, said, texts
from tests.contrib.writer import PATIENCE_SECONDS, batch
from tests.day import IS_LONG
from tests.leases.ground import run
from tests.servers import Server

WRITER = Path(__file__).with_name("writer.py")
WRITERS, BATCHES = 8, 25

KEPT = "SELECT count(*) FROM storage_messages WHERE role IS NOT NULL"

RESULT = {"type": "function_call_output", "call_id": "c1", "output": "12 degrees"}
ITEMS: list[Any] = [
    {"role": "user", "content": "hello"},
    {"role": "developer", "content": "be brief"},
    {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "AAAA"},
    {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"Rome"}'},
    RESULT,
    {"type": "function_call_output", "call_id": "gone", "output": "of a call that never came"},
    {"type": "function_call", "name": "no_id", "arguments": "{}"},
    {"type": "function_call", "call_id": "", "name": "empty_id", "arguments": "{}"},
    {"type": "function_call", "call_id": "open", "name": "never_answered", "arguments": "{}"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "x"}},
    {"type": "item_reference", "id": "msg_1"},
    {"type": "compaction", "id": "cmp_1", "encrypted_content": "summary"},
    {"type": "unheard_of", "role": 7, "nested": {"list": [1, 2.5, None, True, {}]}},
    {"role": "user", "content": [{"type": "input_text", "text": "こんにちは \ud83d \0 '; DROP"}]},
    {"role": "assistant", "content": "", "provider_data": {"model": "m"}},
    {},
]
"""What an agent may be told, and what no agent should be."""


async def weather(city: str) -> str:
    """The weather of a city."""
    return f"{city}: 12 degrees"


def forecaster(*answers: list[Any]) -> tuple[agents.Agent[Any], Script]:
    script = Script(*answers)
    tool = agents.function_tool(weather)
    return agents.Agent(name="forecaster", model=script, tools=[tool]), script


async def runs(way: str, agent: Any, told: str, session: Session, **options: Any) -> str:
    """Run the agent in one of the ways of the framework."""
    if way == "run_streamed":
        result = agents.Runner.run_streamed(agent, told, session=session, **options)
        async for _ in result.stream_events():
            pass
        return str(result.final_output)
    if way == "run_sync":
        done = await asyncio.to_thread(_in_a_thread, agent, told, session, options)
        return str(done.final_output)
    done = await agents.Runner.run(agent, told, session=session, **options)
    return str(done.final_output)


def _in_a_thread(agent: Any, told: str, session: Session, options: Any) -> Any:
    async def work() -> Any:
        return await agents.Runner.run(agent, told, session=session, **options)

    return asyncio.run(work())


@pytest.mark.parametrize("way", ["run", "run_sync", "run_streamed"])
def test_an_agent_remembers_what_was_said(place: Place, way: str) -> None:
    agent, script = forecaster([said("Rome")], [said("Italy")])

    async def work() -> list[Any]:
        async with place.session() as session:
            assert await runs(way, agent, "which city?", session) == "Rome"
            assert await runs(way, agent, "which country?", session) == "Italy"
            return await session.get_items()

    kept = run(work())
    assert texts(script.given[1])[0] == "which city?"
    assert script.given[1][1]["content"][0]["text"] == "Rome"
    assert texts(script.given[1])[2] == "which country?"
    assert kept[:3] == script.given[1]
    assert len(kept) == 4


def test_an_agent_remembers_what_its_tools_told(place: Place) -> None:
    agent, script = forecaster(
        [called("weather", '{"city":"Rome"}', "c1"), called("weather", '{"city":"Oslo"}', "c2")],
        [said("both the same")],
        [said("I asked")],
    )

    async def work() -> None:
        async with place.session() as session:
            assert await runs("run", agent, "Rome or Oslo?", session) == "both the same"
            assert await runs("run", agent, "how do you know?", session) == "I asked"

    run(work())
    kinds = [item.get("type", item.get("role")) for item in script.given[2]]
    assert kinds == [
        *("user", "function_call", "function_call"),
        *("function_call_output", "function_call_output", "message", "user"),
    ]
    told = [item["output"] for item in script.given[2] if "output" in item]
    assert told == ["Rome: 12 degrees", "Oslo: 12 degrees"]


def test_an_agent_goes_on_in_another_process(shared: Place) -> None:
    """With a store that is opened anew nothing is lost."""
    agent, script = forecaster([said("Rome")], [said("Italy")])

    async def work() -> None:
        async with Session("ann", shared.url) as session:
            await runs("run", agent, "which city?", session)
        async with Session("ann", shared.url) as session:
            await runs("run", agent, "which country?", session)

    run(work())
    assert len(script.given[1]) == 3


def test_every_item_comes_back_as_it_was_added(place: Place) -> None:
    async def work() -> list[Any]:
        async with place.session() as session:
            await session.add_items(ITEMS[:5])
            await session.add_items(ITEMS[5:])
            return await session.get_items()

    assert run(work()) == ITEMS


def test_items_are_taken_away_from_the_newest_on(place: Place) -> None:
    async def work() -> list[Any]:
        async with place.session() as session:
            await session.add_items(ITEMS)
            popped = [await session.pop_item() for _ in range(len(ITEMS))]
            assert await session.pop_item() is None
            assert await session.get_items() == []
            await session.add_items(ITEMS[:1])
            assert await session.get_items() == ITEMS[:1]
            return popped

    assert run(work()) == ITEMS[::-1]


def test_what_a_session_of_memory_would_do_is_done(place: Place) -> None:
    """Step by step as a list, with items that belong together and are taken apart."""

    async def work() -> None:
        async with place.session() as session:
            expected: list[Any] = []
            assert await session.pop_item() is None
            for number in range(60):
                some = [{**item, "number": number} for item in ITEMS[number % 9 : number % 9 + 3]]
                await session.add_items(some)
                expected += some
                for _ in range(number % 4):
                    assert await session.pop_item() == expected.pop()
                assert await session.get_items() == expected
                assert await session.get_items(5) == expected[-5:]

    run(work())


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 2**31 - 1, 2**31, 2**70, None])
def test_a_limit_counts_items_from_the_newest_on(place: Place, limit: int | None) -> None:
    """Exactly, also between a call and its result."""

    async def work() -> list[Any]:
        async with place.session() as session:
            await session.add_items(ITEMS[:5])
            return await session.get_items(limit)

    assert run(work()) == ITEMS[:5][-(limit or 5) :]


@pytest.mark.parametrize("limit", [0, -1, -5])
def test_no_items_are_asked_for_by_a_limit_that_is_not_positive(place: Place, limit: int) -> None:
    async def work() -> list[Any]:
        async with place.session() as session:
            await session.add_items(ITEMS[:5])
            return await session.get_items(limit)

    assert run(work()) == []


def test_the_settings_say_the_limit_unless_the_call_does(place: Place) -> None:
    async def work() -> None:
        async with place.store() as store:
            for settings in (agents.SessionSettings(limit=2), {"limit": 2}):
                session = Session("ann", store, session_settings=settings)
                await session.clear_session()
                await session.add_items(messages("a", "b", "c"))
                assert texts(await session.get_items()) == ["b", "c"]
                assert texts(await session.get_items(1)) == ["c"]
                assert texts(await session.get_items(9)) == ["a", "b", "c"]
            session.session_settings = None
            assert texts(await session.get_items()) == ["a", "b", "c"]

    run(work())


def test_a_run_says_how_much_of_a_session_it_is_given(place: Place) -> None:
    agent, script = forecaster([said("fine")])

    async def work() -> None:
        async with place.session(session_settings={"limit": 3}) as session:
            await session.add_items(messages("a", "b", "c", "d"))
            config = agents.RunConfig(session_settings=agents.SessionSettings(limit=1))
            await runs("run", agent, "e", session, run_config=config)

    run(work())
    assert texts(script.given[0]) == ["d", "e"]


def test_all_items_of_a_batch_are_added_or_none(place: Place) -> None:
    bad: Any = {"role": "user", "content": object()}

    async def work() -> list[Any]:
        async with place.session() as session:
            await session.add_items(messages("before"))
            for batch in ([*messages("a"), bad], [*messages("a"), "no item"], [None]):
                with pytest.raises(storage.UnstorableError):
                    await session.add_items(batch)  # type: ignore[arg-type]
            await session.add_items([])
            return texts(await session.get_items())

    assert run(work()) == ["before"]


def test_what_is_given_out_is_a_copy(place: Place) -> None:
    async def work() -> list[Any]:
        async with place.session() as session:
            items = messages("a", "b")
            await session.add_items(items)
            items[0]["content"] = "changed"
            (await session.get_items())[1]["content"] = "changed"
            return texts(await session.get_items())

    assert run(work()) == ["a", "b"]


def test_an_item_may_be_large(place: Place) -> None:
    """Images come in items."""
    image = {"role": "user", "content": [{"type": "input_image", "image_url": "x" * 5_000_000}]}

    async def work() -> None:
        async with place.session() as session:
            for _ in range(4):
                await session.add_items([image])
            assert await session.get_items() == [image] * 4
            assert await session.pop_item() == image

    run(work())


def test_sessions_do_not_see_each_other(place: Place) -> None:
    async def work() -> None:
        async with place.store() as store:
            ids = ["ann", "bob", "", "~ann", "ann:1", "é\0%7E"]
            sessions = {one: Session(one, store) for one in ids}
            other = Session("ann", store, namespace="others")
            for one, session in sessions.items():
                await session.add_items(messages(one))
            assert await other.get_items() == []
            await sessions["bob"].clear_session()
            for one, session in sessions.items():
                assert texts(await session.get_items()) == ([] if one == "bob" else [one])

    run(work())


def test_a_session_that_is_cleared_begins_anew(place: Place) -> None:
    async def work() -> None:
        async with place.session() as session:
            await session.clear_session()
            await session.add_items(messages("a", "b"))
            await session.clear_session()
            assert await session.get_items() == []
            await session.add_items(messages("c"))
            assert texts(await session.get_items()) == ["c"]

    run(work())


def test_a_session_is_a_conversation(place: Place) -> None:
    """So what a conversation can do can be done to it, such as a window with whole pairs."""

    async def work() -> None:
        async with place.store() as store:
            session = Session("ann", store)
            await session.add_items([ITEMS[0], *ITEMS[3:5], *messages("and now?")])
            talk = aio.Conversation(store.namespace("agents"), max_messages=None)
            assert texts(await talk.window("ann", messages=2)) == ["and now?"]
            assert len(await talk.window("ann", messages=4)) == 4
            taken = await talk.undo("ann")
            assert texts(taken) == ["and now?"]
            assert await session.get_items() == [ITEMS[0], *ITEMS[3:5]]
            usage = await talk.usage("ann")
            assert usage is not None
            assert (usage.messages, usage.turns) == (3, 1)

    run(work())


def test_what_can_not_be_read_is_passed_over_and_does_not_count(shared: Place) -> None:
    async def work() -> None:
        async with shared.session() as session:
            await session.add_items(messages(*"abcdefgh"))
            shared.spoil(1, 5, 7, 8)
            assert texts(await session.get_items()) == ["b", "c", "d", "f"]
            for limit in range(1, 6):
                assert texts(await session.get_items(limit)) == ["b", "c", "d", "f"][-limit:]
            assert [texts([await session.pop_item()]) for _ in range(3)] == [["f"], ["d"], ["c"]]
            await session.add_items(messages("i"))
            assert texts(await session.get_items()) == ["b", "i"]

    run(work())


def test_what_can_not_be_read_is_taken_away_with_what_can(shared: Place) -> None:
    async def work() -> None:
        async with shared.session() as session:
            await session.add_items(messages(*"abc"))
            shared.spoil(1, 2, 3)
            assert await session.get_items() == []
            assert await session.get_items(2) == []
            assert await session.pop_item() is None
            await session.add_items(messages("d"))
            assert await session.pop_item() == messages("d")[0]

    run(work())


@pytest.mark.parametrize(
    ("doing", "left"),
    [
        (lambda session: session.add_items(messages("c")), ["a", "b", "c"]),
        (lambda session: session.pop_item(), ["a"]),
        (lambda session: session.clear_session(), []),
    ],
    ids=["add", "pop", "clear"],
)
def test_a_task_that_is_cancelled_knows_what_was_done(
    doing: Any, left: list[str], tmp_path: Path
) -> None:
    """It is cancelled when that is done, and not before."""
    file = tmp_path / "agents.db"

    async def work() -> None:
        async with aio.SqliteStorage(file) as store:
            session = Session("ann", store)
            await session.add_items(messages("a", "b"))
            with closing(sqlite3.connect(file, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                task = asyncio.ensure_future(doing(session))
                for _ in range(3):
                    await asyncio.sleep(0)
                    task.cancel()
                for _ in range(20):
                    await asyncio.sleep(0)
                assert not task.done()
                other.execute("ROLLBACK")
            with pytest.raises(asyncio.CancelledError):
                await task
            with closing(sqlite3.connect(file)) as other:
                (kept,) = other.execute(KEPT).fetchone()
            assert kept == len(left)
            assert texts(await session.get_items()) == left

    run(work())


def test_on_a_server_a_session_has_an_end(valkey: Server) -> None:
    async def work() -> None:
        async with aio.RedisStorage(valkey.url, prefix="ends:") as store:
            await Session("ann", store, ttl=60).add_items(messages("a"))
            await Session("bob", store).add_items(messages("a"))

    run(work())
    with redis.Redis.from_url(valkey.url) as client:
        lives: Any = {str(name): client.pttl(name) for name in client.keys("ends:*")}
        client.flushdb()
    ann, bob = (lives[name] for name in sorted(lives))
    assert 50_000 < ann <= 60_000
    assert bob == -1


def test_eight_tasks_add_at_once_and_nothing_is_lost(place: Place) -> None:
    async def work() -> list[Any]:
        async with place.store() as store:

            async def write(name: str) -> None:
                session = Session("ann", store)
                for number in range(BATCHES):
                    await session.add_items(batch(name, number))

            await asyncio.gather(*(write(f"w{number}") for number in range(WRITERS)))
            return await Session("ann", store).get_items()

    in_order(run(work()))


@pytest.mark.parametrize("shared", ["sqlite", "valkey"] if IS_LONG else ["valkey"], indirect=True)
def test_eight_processes_add_at_once_and_nothing_is_lost(shared: Place) -> None:
    where = str(Path(storage.__file__).resolve().parents[1])
    names = [f"w{number}" for number in range(WRITERS)]
    done = subprocess.run(
        [sys.executable, WRITER, shared.url, str(BATCHES), *names],
        env={**os.environ, "PYTHONPATH": where},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    async def read() -> list[Any]:
        async with Session("ann", shared.url) as session:
            return await session.get_items()

    in_order(run(read()))


def in_order(items: list[Any]) -> None:
    """All batches of all writers are there, whole, and those of each in their order."""
    said = texts(items)
    assert len(said) == 2 * WRITERS * BATCHES
    firsts = [text.removesuffix(" a") for text in said[::2]]
    assert said[1::2] == [f"{text} b" for text in firsts]
    for number in range(WRITERS):
        name = f"w{number}"
        own = [text for text in firsts if text.split()[0] == name]
        assert own == [f"{name} {batch}" for batch in range(BATCHES)]


def test_a_session_is_over_when_nothing_was_added_for_its_ttl() -> None:
    clock = Clock()

    async def work() -> None:
        async with aio.MemoryStorage(clock=clock) as store:
            session = Session("ann", store, ttl=60)
            aged = Session("bob", store, max_age=100)
            for one in (session, aged):
                await one.add_items(messages("a"))
            clock.tick(50)
            await session.add_items(messages("b"))
            await aged.add_items(messages("b"))
            clock.tick(50)
            assert texts(await session.get_items()) == ["a", "b"]
            assert await aged.get_items() == []
            clock.tick(10)
            assert await session.get_items() == []
            assert await session.pop_item() is None

    run(work())


def test_it_is_a_session_of_the_framework(place: Place) -> None:
    async def work() -> None:
        async with place.session("ann") as session:
            assert isinstance(session, agents.Session)
            assert session.session_id == "ann"
            assert session.session_settings == agents.SessionSettings()

    run(work())


def test_what_wraps_sessions_wraps_ours(place: Place) -> None:
    agent, script = forecaster([said("Rome")], [said("Italy")])

    async def work() -> None:
        async with place.session() as inner:
            session: Any = EncryptedSession("ann", inner, encryption_key="hunter2")
            await runs("run", agent, "which city?", session)
            await runs("run", agent, "which country?", session)
            assert "Rome" not in str(await inner.get_items())

    run(work())
    assert texts(script.given[1])[::2] == ["which city?", "which country?"]


def test_a_store_of_the_blocking_half_does_as_well() -> None:
    async def work() -> None:
        with storage.MemoryStorage() as store:
            await Session("ann", store).add_items(messages("a"))
            assert texts(await Session("ann", store).get_items()) == ["a"]
            talk = storage.Conversation(store.namespace("agents"))
            assert texts(talk.list("ann")) == ["a"]

    run(work())


def test_a_store_that_was_opened_by_others_stays_open(place: Place) -> None:
    async def work() -> None:
        async with place.store() as store:
            async with Session("ann", store) as session:
                await session.add_items(messages("a"))
            assert texts(await session.get_items()) == ["a"]
        with pytest.raises(storage.ClosedError):
            await session.get_items()

    run(work())


def test_a_store_that_the_session_opened_is_closed_with_it() -> None:
    async def work() -> None:
        async with Session("ann", "memory://") as session:
            await session.add_items(messages("a"))
        with pytest.raises(storage.ClosedError):
            await session.add_items(messages("b"))

    run(work())


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (storage.InvalidKeyError, {"session_id": 7}),
        (storage.InvalidKeyError, {"session_id": "\ud83d"}),
        (storage.ConfigurationError, {"store": "nowhere://"}),
        (TypeError, {"session_settings": {"limitt": 1}}),
        (TypeError, {"session_settings": 5}),
        (ValueError, {"ttl": 0}),
        (ValueError, {"max_age": -1}),
        (storage.ConfigurationError, {"namespace": ""}),
    ],
    ids=lambda case: str(case).encode("ascii", "replace").decode(),
)
def test_what_can_not_be_a_session_is_refused_when_it_is_made(
    error: type[Exception], options: Any, tmp_path: Path
) -> None:
    file = tmp_path / "never.db"
    given = {"session_id": "ann", "store": f"sqlite:///{file}", **options}

    with pytest.raises(error):
        Session(given.pop("session_id"), given.pop("store"), **given)
    assert not file.exists()


def test_a_mapping_does_as_well() -> None:
    kept: dict[str, Any] = {}

    async def work() -> None:
        session = Session("ann", kept)
        await session.add_items(ITEMS)
        assert await Session("ann", kept).pop_item() == ITEMS[-1]
        assert await session.get_items(3) == ITEMS[-4:-1]

    run(work())
    assert kept


def test_without_the_framework_it_is_said_what_is_missing() -> None:
    program = (
        "import sys; sys.modules['agents'] = None\n"
        "import storage\nfrom storage.contrib.openai_agents import Session\n"
        "try: Session('ann', storage.MemoryStorage())\n"
        "except storage.ConfigurationError as error: sys.exit(str(error))"
    )
    where = str(Path(storage.__file__).resolve().parents[1])

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": where},
        capture_output=True,
        text=True,
        check=False,
    )

    needs = "a Session needs openai-agents 0.8: pip install 'chatstorage[openai-agents]'"
    assert done.stderr == f"{needs}\n"
