"""What is weak in the JavaScript package of this layout, and is not here."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
import redis
import redis.asyncio

import storage.continuity
from storage.core.dialog.errors import (
    ConcurrencyError,
    MessageNotFoundError,
    SessionClosedError,
    SessionNotFoundError,
    StorageError,
    TokenBudgetExceededError,
)
from storage.core.dialog.tokens import ENCODINGS, beginning
from storage.errors import ConfigurationError
from tests.continuity.javascript import Javascript
from tests.continuity.managed import Heard, Managed
from tests.servers import Cluster

WEAKNESSES = {
    1: (
        "lists and cleans up nothing as soon as a session has a message",
        "test_sessions_with_messages_are_listed_and_cleaned_up",
    ),
    2: (
        "keeps neither counters nor summaries, and reads everything for each message",
        "test_counters_and_summaries_are_kept_and_a_message_reads_no_other",
    ),
    3: (
        "writes the summarizer as an object without a method, and then calls it",
        "test_a_summarizer_outlives_the_session_that_is_written",
    ),
    4: (
        "watches on a connection that all share: of ten who join, one does",
        "test_all_who_join_over_one_connection_take_part",
    ),
    5: (
        "takes a conflict for a failure of the store, and does not try again",
        "test_a_conflict_is_one_and_is_tried_again",
    ),
    6: (
        "lets the first messages end before their session does",
        "test_the_first_message_lives_as_long_as_its_session",
    ),
    7: (
        "keeps the ids of a user's sessions for ever",
        "test_the_ids_of_sessions_that_are_over_do_not_stay",
    ),
    8: (
        "says that a message was not kept which was, and lets a budget be exceeded by several",
        "test_who_writes_at_once_is_told_the_truth_and_stays_within_the_budget",
    ),
    9: (
        "fills up a window with the oldest messages, and leaves a hole",
        "test_a_window_is_filled_up_with_the_newest_messages",
    ),
    10: (
        "turns messages of one millisecond around",
        "test_messages_of_one_millisecond_stay_in_their_order",
    ),
    11: (
        "makes contexts shorter that are still too long",
        "test_what_is_made_shorter_is_short_enough_with_its_summary",
    ),
    12: (
        "serves a summary of what was edited since",
        "test_an_edit_of_as_many_tokens_makes_a_summary_void",
    ),
    13: (
        "shows the result of a tool without its call",
        "test_a_call_and_its_result_are_not_split",
    ),
    14: (
        "filters after it has counted, and has another meaning of a question at each place",
        "test_a_question_means_the_same_everywhere",
    ),
    15: (
        "writes to what is over, and deletes what is in use",
        "test_what_is_over_is_not_written_to_and_what_is_in_use_is_not_over",
    ),
    16: (
        "keeps messages of sessions that there are not, and changes those of others",
        "test_a_message_belongs_to_a_session_that_there_is",
    ),
    17: (
        "forgets at once what it is to keep for a month, and hands out what it keeps",
        "test_memory_keeps_for_a_month_and_hands_out_copies",
    ),
    18: (
        "uses names without a prefix, and breaks on a cluster in the middle",
        "test_two_programs_share_a_server_and_a_cluster_is_refused_at_once",
    ),
    19: (
        "takes a session away before it writes it, and lists a message before it is there",
        "test_nobody_sees_a_session_or_a_message_in_the_middle_of_being_written",
    ),
    20: (
        "asks for each message by itself, finds sessions twice, and has no order of pages",
        "test_messages_come_in_one_trip_and_sessions_once_and_in_order",
    ),
    21: (
        "takes back what others did while it made a summary",
        "test_a_summary_takes_back_nothing",
    ),
    22: (
        "gives texts back for moments, and forgets when a message was changed",
        "test_moments_come_back_as_moments",
    ),
    25: (
        "loses what one agent tells the next",
        "test_what_an_agent_tells_the_next_is_kept",
    ),
    26: (
        "loses the errors of handlers that are awaited, and knows neither once nor everything",
        "test_a_handler_may_fail_and_be_called_once_or_for_everything",
    ),
    27: (
        "counts for new models as for old ones",
        "test_a_model_is_counted_for_by_the_longest_name_that_is_known",
    ),
    28: (
        "closes the connection of others",
        "test_a_client_of_ones_own_is_still_open_afterwards",
    ),
    29: (
        "makes last for ever what another lets end",
        "test_a_lifetime_that_another_has_set_stays",
    ),
    30: (
        "sorts new messages before those of its own older layout",
        "test_new_messages_follow_those_of_the_older_layout",
    ),
}
"""By numbers: what it does, and the test of what is done here instead. Those that are left out are
of stores that are not among those here."""

WINDOW = {"max_tokens": 40, "overflow_strategy": "truncate"}
SHORTER = {"max_tokens": 50, "reserve_tokens": 10, "overflow_strategy": "compress"}
SUMMARIES = {"strategy": "summarization", "target_tokens": 40}


def test_each_weakness_has_a_test_and_each_test_a_weakness() -> None:
    tests = [name for name in globals() if name.startswith("test_") and name != _THIS]

    assert list(WEAKNESSES) == [*range(1, 23), *range(25, 31)]
    assert [name for _, name in WEAKNESSES.values()] == tests


_THIS = "test_each_weakness_has_a_test_and_each_test_a_weakness"


def filled(manager: Any, number: int = 10, name: str = "s", **options: Any) -> list[Any]:
    """A session of so many messages, each of 8 tokens."""
    manager.create_session(session_id=name, **options)
    return [
        manager.add_message(name, role="user", content=f"message {one:02}".ljust(32, "."))
        for one in range(number)
    ]


def contents(messages: Any) -> list[str]:
    return [one.content for one in messages]


class Summaries:
    """Makes summaries, and counts them."""

    def __init__(self, text: str = "they talked") -> None:
        self.made = 0
        self.text = text

    def __call__(self, messages: Any, prompt: Any = None) -> str:
        self.made += 1
        return self.text


def test_sessions_with_messages_are_listed_and_cleaned_up(on_redis: Managed) -> None:
    manager = on_redis.manager(session_ttl=10)
    for name in "abc":
        filled(manager, 2, name, user_id="u", metadata={"tags": [name]})
    manager.pause_session("b")

    assert [one.id for one in manager.list_sessions()] == ["a", "b", "c"]
    assert [one.id for one in manager.list_sessions(status="active")] == ["a", "c"]
    assert [one.id for one in manager.list_sessions(tags=["b", "c"])] == ["b", "c"]
    assert [one.id for one in manager.list_sessions(user_id="u", status="paused")] == ["b"]

    on_redis.clock.tick(10)

    assert manager.cleanup_expired_sessions() == 3
    assert on_redis.keys() == []


def test_counters_and_summaries_are_kept_and_a_message_reads_no_other(on_redis: Managed) -> None:
    summaries = Summaries()
    options = {"token_budget": SHORTER, "compression": SUMMARIES, "summarizer": summaries}
    manager, other = on_redis.manager(**options), on_redis.manager(**options)
    filled(manager, 30)
    strict = {"max_tokens": 1000, "overflow_strategy": "error"}
    filled(manager, 30, "strict", token_budget=strict)

    session = other.get_session("s")
    assert (session.message_count, session.token_count) == (30, 240)
    for one in (manager, other, on_redis.manager(**options)):
        one.get_conversation_context("s")
    assert summaries.made == 1
    with on_redis.server.counted() as calls:
        other.add_message("strict", role="user", content="one more")
    assert len(calls) == 1
    messages = [call for call in calls.everything if b"message:" in b" ".join(call.words[1:2])]
    assert len({call.words[1] for call in messages if call.scripted}) == 1


def test_a_summarizer_outlives_the_session_that_is_written(beside_javascript: Managed) -> None:
    server, summaries = beside_javascript.server, Summaries()
    manager = beside_javascript.manager(
        token_budget=SHORTER, compression={**SUMMARIES, "summarizer": summaries}
    )
    filled(manager)

    assert manager.get_conversation_context_with_stats("s").summary == summaries.text
    assert server.call("HGET", "session:s", "compression") == (
        b'{"strategy":"summarization","targetTokens":40,"summaryOverhead":50}'
    )

    theirs = '{"strategy":"summarization","targetTokens":40,"summarizer":{}}'
    server.call("HSET", "session:s", "compression", theirs)
    manager.add_message("s", role="user", content="x")

    assert manager.get_conversation_context_with_stats("s").summary == summaries.text
    assert summaries.made == 2


def test_all_who_join_over_one_connection_take_part(on_redis: Managed) -> None:
    client, close = own_client(on_redis)
    manager = on_redis.manager(on_redis.adapter(client=client))
    manager.create_session(session_id="s")

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda one: manager.add_participant("s", id=str(one)), range(10)))

    participants = manager.get_participants("s")
    assert sorted(one.id for one in participants) == sorted(map(str, range(10)))
    close()


def test_a_conflict_is_one_and_is_tried_again(on_redis: Managed) -> None:
    managers = [on_redis.manager() for _ in range(2)]
    managers[0].create_session(session_id="s")

    def join(number: int) -> None:
        managers[number % 2].add_participant("s", id=str(number))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(join, range(60)))

    session = managers[0].get_session("s")
    assert (len(session.participants), session.version) == (60, 61)
    with pytest.raises(ConcurrencyError) as caught:
        managers[1].update_session("s", user_id="u", expected_version=60)
    assert (caught.value.expected, caught.value.actual) == (60, 61)


def test_the_first_message_lives_as_long_as_its_session(on_redis: Managed) -> None:
    manager = on_redis.manager(on_redis.adapter(ttl=60))
    manager.create_session(session_id="s", user_id="u")
    manager.add_message("s", role="system", content="Be brief.")
    for _ in range(5):
        on_redis.clock.tick(50)
        manager.add_message("s", role="user", content="x")
    for _ in range(5):
        on_redis.clock.tick(50)
        manager.update_session("s", metadata={"title": "t"})

    on_redis.clock.tick(59)

    assert contents(manager.get_messages("s")) == ["Be brief.", *"xxxxx"]
    assert on_redis.call("ZCARD", "session:s:messages") == 6
    assert len([name for name in on_redis.keys() if name.startswith("message:")]) == 6
    on_redis.clock.tick(2)
    with pytest.raises(SessionNotFoundError):
        manager.get_session("s")
    assert list(manager.get_messages("s")) == []
    on_redis.clock.tick(60 / 8 + 1)
    assert on_redis.keys() == []


def test_the_ids_of_sessions_that_are_over_do_not_stay(on_redis: Managed) -> None:
    manager = on_redis.manager(on_redis.adapter(ttl=600))
    for number in range(50):
        manager.create_session(session_id=str(number), user_id="u")
    on_redis.clock.tick(300)
    manager.create_session(session_id="last", user_id="u")
    on_redis.clock.tick(301)

    with on_redis.server.counted() as calls:
        found = manager.list_sessions(user_id="u")
    on_redis.clock.tick(60)  # so long somebody might write them anew
    manager.list_sessions(user_id="u")

    assert [one.id for one in found] == ["last"]
    assert len(calls) <= 2
    assert on_redis.call("SMEMBERS", "user:u:sessions") == [b"last"]
    on_redis.clock.tick(600)
    assert on_redis.keys() == []


def test_who_writes_at_once_is_told_the_truth_and_stays_within_the_budget(
    everywhere: Managed,
) -> None:
    managers = [everywhere.manager() for _ in range(2)]
    managers[0].create_session(session_id="s")

    def add(number: int) -> Any:
        return managers[number % 2].add_message(
            "s", role="user", content="x" * 32, message_id=f"m{number % 20}"
        )

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(add, range(40)))

    session = managers[0].get_session("s")
    assert (session.message_count, session.token_count) == (20, 160)
    assert {one.id for one in told} == {one.id for one in managers[0].get_messages("s")}

    budget = {"max_tokens": 10, "overflow_strategy": "error"}
    managers[0].create_session(session_id="small", token_budget=budget)

    def add_to_small(number: int) -> bool:
        try:
            managers[number % 2].add_message("small", role="user", content="x" * 32)
        except TokenBudgetExceededError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(add_to_small, range(4))) == 1
    assert managers[0].get_session("small").token_count == 8


def test_a_window_is_filled_up_with_the_newest_messages(managed: Managed) -> None:
    window = {"strategy": "sliding_window", "target_tokens": 8, "min_messages": 3}
    manager = managed.manager(compression=window)
    messages = filled(manager)

    result = manager.compress_context("s")

    assert list(result.messages) == messages[-3:]


def test_messages_of_one_millisecond_stay_in_their_order(everywhere: Managed) -> None:
    manager = everywhere.manager(token_budget=WINDOW)
    messages = filled(manager, 8)

    assert len({one.created_at for one in messages}) == 1
    assert list(manager.get_messages("s")) == messages
    assert list(manager.get_conversation_context("s")) == messages[-5:]


@pytest.mark.parametrize("strategy", ["summarization", "hybrid"])
@pytest.mark.parametrize("words", [1, 5, 500])
def test_what_is_made_shorter_is_short_enough_with_its_summary(
    managed: Managed, strategy: str, words: int
) -> None:
    compression = {"strategy": strategy, "target_tokens": 30, "summary_overhead": 1}
    if strategy == "hybrid":
        compression["max_messages"] = 4
    manager = managed.manager(
        token_budget={"max_tokens": 35, "overflow_strategy": "compress"},
        compression=compression,
        summarizer=Summaries("word " * words),
    )
    filled(manager)

    for _ in range(2):
        context = manager.get_conversation_context_with_stats("s")
        counter = storage.continuity.EstimateTokenizer()
        assert sum(counter.count(one.content) for one in context.messages) <= 30
        assert context.token_count <= 30
        assert context.messages[-1].content.startswith("message 09")


def test_an_edit_of_as_many_tokens_makes_a_summary_void(everywhere: Managed) -> None:
    summaries = Summaries()
    manager = everywhere.manager(token_budget=SHORTER, compression=SUMMARIES, summarizer=summaries)
    first = filled(manager)[0]
    manager.get_conversation_context("s")

    manager.update_message("s", first.id, content=first.content.upper())
    summaries.text = "they shouted"

    context = manager.get_conversation_context_with_stats("s")
    assert (context.summary, context.is_cached) == ("they shouted", False)


def test_a_call_and_its_result_are_not_split(managed: Managed) -> None:
    manager = managed.manager(token_budget=WINDOW)
    manager.create_session(session_id="s")
    calls = [{"id": one, "name": "f", "arguments": "{}"} for one in "ab"]
    manager.add_message("s", role="assistant", content="x" * 80, tool_calls=calls)
    for one in "ab":
        results = [{"tool_call_id": one, "result": "done"}]
        manager.add_message("s", role="tool", content="", tool_results=results)
    manager.add_message("s", role="assistant", content="x" * 40)

    roles = [one.role for one in manager.get_conversation_context("s")]
    assert roles == ["assistant", "tool", "tool", "assistant"]
    manager.add_message("s", role="user", content="x" * 40)
    roles = [one.role for one in manager.get_conversation_context("s")]
    assert roles == ["assistant", "user"]


def test_a_question_means_the_same_everywhere(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s", metadata={"tags": ["t"]})
    for number in range(9):
        role = ("user", "assistant", "assistant")[number % 3]
        manager.add_message("s", role=role, content=str(number))
        everywhere.clock.tick(1)

    def asked(**options: Any) -> str:
        return "".join(contents(manager.get_messages("s", **options)))

    assert asked(roles=["user"], limit=2) == "03"
    assert asked(roles=["assistant"], limit=2, offset=1, order="desc") == "75"
    assert asked(limit=0) == asked(offset=9) == asked(roles=["tool"]) == ""
    assert asked(after=everywhere.at(-6), before=everywhere.at(-2), roles=["user"]) == "6"
    assert asked(after=everywhere.at(-6), limit=2) == "45"
    assert list(manager.list_sessions(limit=0)) == []
    created = everywhere.at(-9)
    assert len(manager.list_sessions(created_after=created, created_before=created)) == 1


def test_what_is_over_is_not_written_to_and_what_is_in_use_is_not_over(
    everywhere: Managed,
) -> None:
    manager = everywhere.manager(session_ttl=10)
    for name in ("idle", "used", "ended"):
        manager.create_session(session_id=name)
    manager.end_session("ended")
    for _ in range(4):
        everywhere.clock.tick(5)
        manager.add_message("used", role="user", content="x")

    for name in ("idle", "ended"):
        with pytest.raises(SessionClosedError):
            manager.add_message(name, role="user", content="x")
        with pytest.raises(SessionClosedError):
            manager.update_session(name, user_id="u")
    assert manager.cleanup_expired_sessions() == 2
    assert [one.id for one in manager.list_sessions()] == ["used"]


def test_a_message_belongs_to_a_session_that_there_is(everywhere: Managed) -> None:
    adapter = everywhere.by_calls(everywhere.adapter())
    manager = everywhere.manager()

    with pytest.raises(StorageError) as caught:
        adapter.add_message("no", {"role": "user", "content": "x"})
    assert isinstance(caught.value.__cause__, SessionNotFoundError)
    with pytest.raises(SessionNotFoundError):
        manager.add_message("no", role="user", content="x")
    if everywhere.place == "valkey":
        assert everywhere.keys() == []
    for name in "ab":
        manager.create_session(session_id=name)
    kept = manager.add_message("a", role="user", content="mine")
    with pytest.raises(MessageNotFoundError):
        manager.update_message("b", kept.id, content="theirs")
    with pytest.raises(MessageNotFoundError):
        manager.delete_message("b", kept.id)
    assert list(manager.get_messages("a")) == [kept]


def test_memory_keeps_for_a_month_and_hands_out_copies(managed: Managed) -> None:
    month = 31 * 86_400
    manager = managed.manager(managed.adapter(ttl=month), session_ttl=month)
    created = manager.create_session(session_id="s", metadata={"tags": ["a"]})

    created.metadata["tags"].append("b")
    manager.get_session("s").metadata["tags"].append("c")
    managed.clock.tick(month - 1)
    manager.add_message("s", role="user", content="x")

    session = manager.get_session("s")
    assert session.metadata == {"tags": ["a"]}
    assert session.expires_at == managed.at(month)
    managed.clock.tick(month - 1)
    assert manager.get_session("s").message_count == 1
    managed.clock.tick(1)
    with pytest.raises(SessionNotFoundError):
        manager.get_session("s")


@pytest.mark.server
def test_two_programs_share_a_server_and_a_cluster_is_refused_at_once(
    on_redis: Managed, request: pytest.FixtureRequest
) -> None:
    mine, theirs = (
        on_redis.manager(on_redis.adapter(prefix=prefix)) for prefix in ("a:", "a:session:")
    )
    mine.create_session(session_id="s", user_id="u")
    theirs.create_session(session_id="s", user_id="v")
    mine.add_message("s", role="user", content="mine", message_id="m")
    theirs.add_message("s", role="user", content="theirs", message_id="m")

    assert [one.user_id for one in mine.list_sessions()] == ["u"]
    assert [one.user_id for one in theirs.list_sessions()] == ["v"]
    assert contents(mine.get_messages("s")) == ["mine"]
    theirs.delete_session("s")
    assert [one.id for one in mine.list_sessions(user_id="u")] == ["s"]
    on_redis.server.call("HSET", "a:session:web", "cart", "7")
    assert [one.id for one in mine.list_sessions()] == ["s"]
    assert mine.cleanup_expired_sessions() == 0
    assert on_redis.server.call("EXISTS", "a:session:web") == 1
    cluster: Cluster = request.getfixturevalue("cluster")
    with pytest.raises(ConfigurationError, match="several slots"):
        on_redis.half.RedisAdapter(f"redis+cluster://127.0.0.1:{cluster.nodes[0].port}")


def test_nobody_sees_a_session_or_a_message_in_the_middle_of_being_written(
    on_redis: Managed,
) -> None:
    writer, reader = on_redis.manager(), on_redis.manager()
    writer.create_session(session_id="s", metadata={"title": "0"})
    over = threading.Event()
    seen: list[tuple[int, int]] = []

    def read() -> None:
        while not over.is_set():
            session, messages = reader.get_session("s"), reader.get_messages("s")
            assert session.title is not None
            seen.append((session.message_count, len(messages)))
            assert [one.sequence for one in messages] == list(range(1, len(messages) + 1))

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            for number in range(100):
                writer.update_session("s", metadata={"title": str(number)})
                writer.add_message("s", role="user", content="x")
        finally:
            over.set()
        reading.result()
    assert all(before <= after for before, after in seen)
    with on_redis.server.counted() as calls:
        writer.update_session("s", metadata={"title": "last"})
    assert "DEL" not in calls.names + calls.scripted


def test_messages_come_in_one_trip_and_sessions_once_and_in_order(on_redis: Managed) -> None:
    manager = on_redis.manager()
    for number in range(30):
        manager.create_session(session_id=f"s{number:02}", user_id="u")
        on_redis.clock.tick(1)
    filled(manager, 20)

    with on_redis.server.counted() as calls:
        messages = manager.get_messages("s", limit=20)
    assert (len(messages), len(calls)) == (20, 1)

    names = [f"s{number:02}" for number in range(30)]
    for filters in ({"user_id": "u"}, {"status": "active"}):
        pages = [manager.list_sessions(**filters, limit=7, offset=at) for at in range(0, 35, 7)]
        found = [one.id for page in pages for one in page]
        assert [name for name in found if name != "s"] == names


def test_a_summary_takes_back_nothing(on_redis: Managed) -> None:
    other = on_redis.manager()

    class Writing(Summaries):
        def __call__(self, messages: Any, prompt: Any = None) -> str:
            other.update_session("s", user_id="u")
            other.add_participant("s", id="p")
            return super().__call__(messages, prompt)

    manager = on_redis.manager(token_budget=SHORTER, compression=SUMMARIES, summarizer=Writing())
    filled(manager)

    manager.get_conversation_context("s")

    session = other.get_session("s")
    assert (session.user_id, session.version) == ("u", 3)
    assert [one.id for one in session.participants] == ["p"]
    assert [one.id for one in other.list_sessions(user_id="u")] == ["s"]
    assert session.compression_state.summary == "they talked"


def test_moments_come_back_as_moments(on_redis: Managed) -> None:
    manager = on_redis.manager(session_ttl=60)
    manager.create_session(session_id="s", participants=[{"id": "p"}])
    kept = manager.add_message("s", role="user", content="x")
    on_redis.clock.tick(1)
    manager.remove_participant("s", "p")
    manager.update_message("s", kept.id, content="y")

    other = on_redis.manager()
    session, [message], [one] = (
        other.get_session("s"),
        other.get_messages("s"),
        other.get_participants("s"),
    )
    assert (one.joined_at, one.left_at) == (on_redis.at(-1), on_redis.at())
    assert (message.created_at, message.updated_at) == (on_redis.at(-1), on_redis.at())
    assert session.expires_at == on_redis.at(60)
    assert type(one.joined_at) is type(message.updated_at) is datetime


def test_what_an_agent_tells_the_next_is_kept(on_redis: Managed) -> None:
    manager = on_redis.manager()
    manager.create_session(session_id="s", active_agent_id="a", participants=[{"id": "a"}])

    manager.handoff_to_agent("s", "b", reason="billing", context={"order": 4711})

    other = on_redis.manager()
    [handoff] = other.get_handoffs("s")
    assert (handoff.from_agent, handoff.to_agent) == ("a", "b")
    assert (handoff.reason, handoff.context) == ("billing", {"order": 4711})
    assert [(one.id, one.left_at is None) for one in other.get_participants("s")] == [
        ("a", False),
        ("b", True),
    ]


def test_a_handler_may_fail_and_be_called_once_or_for_everything(
    managed: Managed, caplog: pytest.LogCaptureFixture
) -> None:
    manager = managed.manager()
    once, everything = Heard(), Heard()

    def failing(event: Any) -> None:
        raise ValueError("no")

    manager.on("session:created", managed.either(failing))
    manager.once("session:created", once)
    manager.on("*", everything)
    for name in "ab":
        manager.create_session(session_id=name)

    assert once.types == ["session:created"]
    assert everything.types == ["session:created"] * 2
    assert [record.getMessage() for record in caplog.records] == [
        "a handler of session:created failed"
    ] * 2


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o-2024-11-20", "o200k_base"),
        ("gpt-4.1-mini", "o200k_base"),
        ("gpt-5-nano", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("gpt-3.5-turbo-16k", "cl100k_base"),
        ("claude-sonnet-4", None),
    ],
)
def test_a_model_is_counted_for_by_the_longest_name_that_is_known(
    model: str, encoding: str | None
) -> None:
    assert ENCODINGS.get(beginning(model, ENCODINGS)) == encoding
    registry = storage.continuity.TokenizerRegistry(
        {"gpt-4": lambda name: storage.continuity.EstimateTokenizer(2, model=name)}
    )
    counted = registry.for_model(model)
    assert (counted.model, counted.count("x" * 8)) == (model, 4 if "gpt-4" in model else 2)


def test_a_client_of_ones_own_is_still_open_afterwards(on_redis: Managed) -> None:
    client, close = own_client(on_redis)
    manager = on_redis.manager(on_redis.adapter(client=client))
    manager.create_session(session_id="s")

    manager.close()
    manager.close()

    assert on_redis.bridge.driven(client).ping() is True
    other = on_redis.manager(on_redis.adapter(client=client))
    assert other.get_session("s").id == "s"
    close()


def own_client(managed: Managed) -> tuple[Any, Any]:
    """A client of redis-py, and what closes it."""
    if managed.is_async:
        client = redis.asyncio.Redis(port=managed.server.port)
        return client, lambda: managed.bridge.call(client.aclose)
    blocking = redis.Redis(port=managed.server.port)
    return blocking, blocking.close


def test_a_lifetime_that_another_has_set_stays(on_redis: Managed) -> None:
    lasting, plain = on_redis.manager(on_redis.adapter(ttl=60)), on_redis.manager()
    lasting.create_session(session_id="s", user_id="u")
    lasting.add_message("s", role="user", content="x")
    on_redis.clock.tick(10)

    plain.update_session("s", metadata={"title": "t"})
    plain.add_participant("s", id="p")
    plain.add_message("s", role="user", content="y")

    assert 0 < on_redis.call("PTTL", "session:s") <= 50_000
    on_redis.clock.tick(61)
    assert list(plain.list_sessions()) == list(plain.list_sessions(user_id="u")) == []
    plain.cleanup_expired_sessions()
    on_redis.clock.tick(60)
    assert on_redis.keys() == []


def test_new_messages_follow_those_of_the_older_layout(beside_javascript: Managed) -> None:
    server, clock = beside_javascript.server, beside_javascript.clock
    older, newer = Javascript(server, first=True), Javascript(server)
    manager = beside_javascript.manager()
    older.create("s", userId="u")
    for name in ("old 1", "old 2"):
        older.add("s", name, 2)
        clock.tick(1)

    manager.add_message("s", role="user", content="hello", message_id="ours 1")
    assert older.listed("s") == ["old 1", "old 2", "ours 1"]
    clock.tick(1)
    newer.add("s", "new 1", 3)
    clock.tick(1)
    manager.add_message("s", role="user", content="hello", message_id="ours 2")

    names = ["old 1", "old 2", "ours 1", "new 1", "ours 2"]
    assert [one.id for one in manager.get_messages("s")] == names
    assert [one.id for one in manager.get_messages("s", order="desc", limit=2)] == names[:2:-1]
    session = manager.get_session("s")
    assert (session.message_count, session.token_count) == (5, 11)
    assert newer.listed("s") == ["new 1", "old 1", "old 2", "ours 1", "ours 2"]
