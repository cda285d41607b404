"""What a model is shown of a session: what there is room for, and a summary of the rest that is
made once."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from datetime import timedelta
from typing import Any

import pytest

import storage.aio.continuity
from storage.core.dialog.errors import (
    CompressionError,
    TokenBudgetExceededError,
    ValidationError,
)
from storage.core.dialog.strategies import PREFIX
from tests.continuity.managed import Heard, Managed

pytestmark = pytest.mark.timed

BUDGET = {"max_tokens": 50, "reserve_tokens": 10, "overflow_strategy": "compress"}
SUMMARIES = {"strategy": "summarization", "target_tokens": 40}
WORDS = "they talked"


class Summarizer:
    """Says the same of everything, and remembers of what it was asked."""

    def __init__(self, *, is_awaited: bool = False) -> None:
        self.asked: list[tuple[list[str], Any]] = []
        self.is_awaited = is_awaited

    def __call__(self, messages: Any, prompt: Any = None) -> Any:
        self.asked.append(([one.content for one in messages], prompt))
        told = f"{WORDS} {len(self.asked)}"
        return _later(told) if self.is_awaited else told


async def _later(told: str) -> str:
    return told


@pytest.fixture
def summarizer(request: pytest.FixtureRequest) -> Summarizer:
    return Summarizer()


def filled(manager: Any, number: int = 10, name: str = "s", **options: Any) -> list[Any]:
    """A session of so many messages, each of 8 tokens."""
    manager.create_session(session_id=name, **options)
    return [manager.add_message(name, role="user", content=text(one)) for one in range(number)]


def text(number: int) -> str:
    return f"message {number:02}".ljust(32, ".")


def texts(messages: Any) -> list[str]:
    return [one.content for one in messages]


def summarising(managed: Managed, summarizer: Any, **options: Any) -> Any:
    told = {"token_budget": BUDGET, "compression": SUMMARIES, "summarizer": summarizer}
    return managed.manager(**{**told, **options})


def test_without_a_budget_everything_is_shown(everywhere: Managed) -> None:
    manager = everywhere.manager()
    filled(manager)

    context = manager.get_conversation_context_with_stats("s")

    assert texts(context.messages) == [text(number) for number in range(10)]
    assert (context.token_count, context.original_token_count) == (80, 80)
    assert (context.applied, context.budget, context.dropped_message_ids) == (None, None, ())
    assert list(manager.get_conversation_context("s")) == list(context.messages)


def test_what_there_is_room_for_is_shown_as_it_is(managed: Managed) -> None:
    manager = managed.manager(token_budget=BUDGET)
    filled(manager, 5)

    context = manager.get_conversation_context_with_stats("s")

    assert (len(context.messages), context.applied) == (5, None)
    status = context.budget
    assert (status.used, status.limit, status.available) == (40, 50, 0)
    assert (status.percentage, status.severity, status.is_over_budget) == (80.0, "warning", True)


def test_what_there_is_no_room_for_is_cut_from_the_oldest_on(everywhere: Managed) -> None:
    manager = everywhere.manager(token_budget={**BUDGET, "overflow_strategy": "truncate"})
    manager.create_session(session_id="s")
    manager.add_message("s", role="system", content="x" * 40)
    added = [manager.add_message("s", role="user", content=text(number)) for number in range(9)]

    context = manager.get_conversation_context_with_stats("s")

    assert texts(context.messages) == ["x" * 40, text(6), text(7), text(8)]
    assert (context.token_count, context.original_token_count) == (34, 82)
    assert context.applied == "truncate"
    assert list(context.dropped_message_ids) == [one.id for one in added[:6]]


def test_a_budget_that_is_an_error_is_one_for_contexts_as_well(managed: Managed) -> None:
    """Once it was made smaller."""
    manager = managed.manager(token_budget={**BUDGET, "overflow_strategy": "error"})
    filled(manager, 5)
    heard = Heard()
    manager.on("*", heard)
    smaller = {"max_tokens": 30, "reserve_tokens": 5, "overflow_strategy": "error"}
    manager.update_session("s", token_budget=smaller)

    with pytest.raises(TokenBudgetExceededError) as caught:
        manager.get_conversation_context("s")

    assert (caught.value.used, caught.value.limit, caught.value.overage) == (40, 25, 15)
    assert str(caught.value) == "Token budget exceeded: 40/25 (+15 over)"
    assert heard.types == ["session:updated", "budget:exceeded"]
    assert heard.events[-1].data == {"used": 40, "limit": 25}


@pytest.mark.parametrize("strategy", ["truncate", "compress"])
@pytest.mark.parametrize("system", [120, 400])
def test_a_system_that_says_more_than_there_is_room_for_is_shown_alone(
    managed: Managed, strategy: str, system: int
) -> None:
    manager = summarising(
        managed, Summarizer(), token_budget={**BUDGET, "overflow_strategy": strategy}
    )
    manager.create_session(session_id="s")
    manager.add_message("s", role="system", content="x" * system)
    manager.add_message("s", role="user", content="y" * 400)

    context = manager.get_conversation_context_with_stats("s")

    assert texts(context.messages)[0] == "x" * system
    assert all(one.role == "system" for one in context.messages)
    assert context.budget.is_over_budget == (context.token_count >= 40)
    assert context.token_count <= max(40, system // 4)


def test_a_summary_stands_between_what_a_system_says_and_the_newest(
    everywhere: Managed, summarizer: Summarizer
) -> None:
    manager = summarising(everywhere, summarizer, compression={**SUMMARIES, "summary_overhead": 16})
    manager.create_session(session_id="s")
    manager.add_message("s", role="system", content="x" * 16)
    for number in range(8):
        manager.add_message("s", role="user", content=text(number))

    context = manager.get_conversation_context_with_stats("s")

    assert texts(context.messages) == ["x" * 16, f"{PREFIX}{WORDS} 1", text(6), text(7)]
    assert [one.role for one in context.messages] == ["system", "system", "user", "user"]
    assert summarizer.asked == [([text(number) for number in range(6)], None)]
    assert context.summary == f"{WORDS} 1"
    assert (context.applied, context.is_cached) == ("summarization", False)
    assert context.token_count == sum(one.token_count for one in context.messages) <= 40
    assert context.dropped_message_ids == ()


def test_a_summarizer_is_asked_what_the_configuration_says(managed: Managed) -> None:
    summarizer = Summarizer()
    config = {**SUMMARIES, "summarization_prompt": "Be brief."}
    manager = summarising(managed, summarizer, compression=config)
    filled(manager)

    manager.get_conversation_context("s")

    assert [prompt for _, prompt in summarizer.asked] == ["Be brief."]


def test_a_summary_is_made_once(everywhere: Managed, summarizer: Summarizer) -> None:
    """Whoever asks for it."""
    managers = [summarising(everywhere, summarizer) for _ in range(2)]
    filled(managers[0])

    first = managers[0].get_conversation_context_with_stats("s")
    again = managers[0].get_conversation_context_with_stats("s")
    other = managers[1].get_conversation_context_with_stats("s")

    assert len(summarizer.asked) == 1
    assert (first.is_cached, again.is_cached, other.is_cached) == (False, True, True)
    assert again == other == first._replace(is_cached=True)
    assert first.token_count <= 40


def test_a_summary_that_was_kept_is_no_change_of_the_session(
    everywhere: Managed, summarizer: Summarizer
) -> None:
    manager = summarising(everywhere, summarizer, session_ttl=60)
    filled(manager)
    before = manager.get_session("s")
    everywhere.clock.tick(5)

    manager.get_conversation_context("s")

    after = manager.get_session("s")
    assert after.compression_state.summary == f"{WORDS} 1"
    assert after._replace(compression_state=None) == before


CHANGES: dict[str, Any] = {
    "added": lambda manager, ids: manager.add_message("s", role="user", content="new"),
    "added without a token": lambda manager, ids: manager.add_message("s", role="user", content=""),
    "other words, as many tokens": lambda manager, ids: manager.update_message(
        "s", ids[0], content=text(0).upper()
    ),
    "another role": lambda manager, ids: manager.update_message("s", ids[0], role="assistant"),
    "other metadata": lambda manager, ids: manager.update_message("s", ids[0], metadata={"a": 1}),
    "fewer tokens": lambda manager, ids: manager.update_message("s", ids[1], token_count=7),
    "the newest changed": lambda manager, ids: manager.update_message(
        "s", ids[-1], content=text(9).upper()
    ),
    "deleted": lambda manager, ids: manager.delete_message("s", ids[0]),
    "another budget": lambda manager, ids: manager.update_session(
        "s", token_budget={**BUDGET, "max_tokens": 48}
    ),
    "another target": lambda manager, ids: manager.update_session(
        "s", compression={**SUMMARIES, "target_tokens": 39}
    ),
    "another prompt": lambda manager, ids: manager.update_session(
        "s", compression={**SUMMARIES, "summarization_prompt": "Shorter."}
    ),
    "another strategy": lambda manager, ids: manager.update_session(
        "s", compression={"strategy": "hybrid", "target_tokens": 40, "max_messages": 3}
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_summary_is_made_anew_after_any_change(
    everywhere: Managed, summarizer: Summarizer, change: str
) -> None:
    """Also one that another manager makes."""
    manager, other = (summarising(everywhere, summarizer) for _ in range(2))
    ids = [one.id for one in filled(manager)]
    manager.get_conversation_context("s")
    assert manager.get_conversation_context_with_stats("s").is_cached

    CHANGES[change](other, ids)
    context = manager.get_conversation_context_with_stats("s")

    assert not context.is_cached
    assert len(summarizer.asked) == 2
    assert context.summary == f"{WORDS} 2"
    assert manager.get_conversation_context_with_stats("s").is_cached


@pytest.mark.parametrize(
    "change",
    [
        lambda manager: manager.update_session("s", metadata={"title": "new"}),
        lambda manager: manager.add_participant("s", id="p"),
        lambda manager: manager.handoff_to_agent("s", "a"),
        lambda manager: manager.pause_session("s"),
        lambda manager: manager.end_session("s"),
    ],
)
def test_a_summary_lasts_where_no_message_changes(
    everywhere: Managed, summarizer: Summarizer, change: Any
) -> None:
    manager = summarising(everywhere, summarizer)
    filled(manager)
    manager.get_conversation_context("s")

    change(manager)

    assert manager.get_conversation_context_with_stats("s").is_cached
    assert len(summarizer.asked) == 1


@pytest.mark.parametrize("end", ["completed", "expired"])
def test_a_session_that_is_over_is_summarised_once_as_well(
    everywhere: Managed, summarizer: Summarizer, end: str
) -> None:
    manager = summarising(everywhere, summarizer, session_ttl=60)
    filled(manager)
    if end == "completed":
        manager.end_session("s")
    else:
        everywhere.clock.tick(60)

    contexts = [manager.get_conversation_context_with_stats("s") for _ in range(3)]

    assert [one.is_cached for one in contexts] == [False, True, True]
    assert len(summarizer.asked) == 1


def test_a_summary_of_what_was_changed_meanwhile_is_not_shown_for_what_is_there_now(
    managed: Managed,
) -> None:
    """The summarizer takes its time, and somebody writes."""
    adapter, summarizer = managed.adapter(), Summarizer()

    def writing(messages: Any) -> Any:
        if len(summarizer.asked) == 1:
            return adapter.update_message("s", messages[0].id, {"content": text(0).upper()})
        return None

    manager = summarising(managed, _after(managed, writing, summarizer))
    filled(manager)

    manager.get_conversation_context("s")
    context = manager.get_conversation_context_with_stats("s")

    assert not context.is_cached
    assert [asked[0] for asked, _ in summarizer.asked] == [text(0), text(0).upper()]


def _after(managed: Managed, doing: Any, summarizer: Any) -> Any:
    """A summarizer in whose time something is done."""

    def blocking(messages: Any, prompt: Any) -> Any:
        told = summarizer(messages, prompt)
        doing(messages)
        return told

    async def awaited(messages: Any, prompt: Any) -> Any:
        told = summarizer(messages, prompt)
        work = doing(messages)
        if work is not None:
            await work
        return told

    return awaited if managed.is_async else blocking


def test_a_slow_summary_does_not_take_back_what_was_done_meanwhile(everywhere: Managed) -> None:
    """The state of a compression is all that is written with it."""
    other = everywhere.manager()
    begun, go_on = threading.Event(), threading.Event()

    def slow(messages: Any, prompt: Any) -> str:
        begun.set()
        assert go_on.wait(20)
        return WORDS

    manager = summarising(everywhere, _called_apart(everywhere, slow))
    filled(manager)
    version = manager.get_session("s").version
    reading = threading.Thread(target=manager.get_conversation_context, args=("s",))
    reading.start()
    try:
        assert begun.wait(20)
        other.update_session("s", user_id="u", metadata={"title": "new"})
        other.add_participant("s", id="p")
    finally:
        go_on.set()
        reading.join()

    session = manager.get_session("s")
    assert (session.user_id, session.title, session.version) == ("u", "new", version + 2)
    assert [one.id for one in session.participants] == ["p"]
    assert session.compression_state.summary == WORDS


def _called_apart(managed: Managed, function: Any) -> Any:
    """*function*, which may wait, without holding up the loop."""
    if not managed.is_async:
        return function

    async def apart(*args: Any) -> Any:
        return await asyncio.to_thread(function, *args)

    return apart


@pytest.mark.parametrize(
    "error", [ValueError("secret"), RuntimeError(), TimeoutError(), KeyError("s")]
)
def test_a_summarizer_that_fails_costs_no_context(
    managed: Managed, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    calls = []

    def failing(messages: Any, prompt: Any) -> str:
        calls.append(messages)
        raise error

    manager = summarising(managed, failing)
    filled(manager)
    heard = Heard()
    manager.on("*", heard)

    with caplog.at_level(logging.WARNING, "storage"):
        context = manager.get_conversation_context_with_stats("s")

    assert texts(context.messages) == [text(number) for number in range(5, 10)]
    assert (context.applied, context.summary) == ("truncate", None)
    assert heard.types == ["error", "compression:applied"]
    assert heard.events[0].data["code"] == "COMPRESSION_ERROR"
    assert "secret" not in str(heard.events)
    assert type(error).__name__ in heard.events[0].data["error"]
    assert "secret" not in caplog.text
    assert len(caplog.records) == 1
    assert manager.get_session("s").compression_state is None


def test_a_summarizer_that_fails_is_left_alone_for_a_while(managed: Managed) -> None:
    """For the time that it may take, which may be a number or a timedelta."""
    calls: list[Any] = []

    def failing(messages: Any, prompt: Any) -> str:
        calls.append(messages)
        if len(calls) < 3:
            raise ValueError
        return WORDS

    summarizer = managed.either(failing)
    manager = summarising(managed, summarizer, summarizer_timeout=timedelta(seconds=10))
    filled(manager)
    filled(manager, name="t")
    heard = Heard()
    manager.on("error", heard)

    for name in "sts":
        context = manager.get_conversation_context_with_stats(name)
        assert (context.applied, len(context.messages)) == ("truncate", 5)
    managed.clock.tick(9.5)
    manager.get_conversation_context("s")
    assert (len(calls), len(heard.events)) == (1, 1)

    managed.clock.tick(1)
    manager.get_conversation_context("s")
    manager.get_conversation_context("t")
    assert (len(calls), len(heard.events)) == (2, 2)

    managed.clock.tick(10.5)
    assert manager.get_conversation_context_with_stats("s").summary == WORDS
    assert manager.get_conversation_context_with_stats("t").summary == WORDS
    assert (len(calls), len(heard.events)) == (4, 2)


def test_who_asks_for_a_summary_himself_is_not_put_off(managed: Managed) -> None:
    """And one that there is ends the silence."""
    answers = ["", WORDS, WORDS]
    manager = summarising(managed, managed.either(lambda messages, prompt: answers.pop(0)))
    filled(manager)

    assert manager.get_conversation_context_with_stats("s").summary is None
    assert manager.get_conversation_context_with_stats("s").summary is None
    assert manager.compress_context("s").summary == WORDS
    assert manager.get_conversation_context_with_stats("s").summary == WORDS


def test_what_was_summarised_before_is_shown_while_a_summarizer_is_left_alone(
    managed: Managed,
) -> None:
    answers = [WORDS, ""]
    manager = summarising(managed, managed.either(lambda messages, prompt: answers.pop(0)))
    for name in "st":
        filled(manager, name=name)

    assert manager.get_conversation_context_with_stats("s").summary == WORDS
    assert manager.get_conversation_context_with_stats("t").summary is None
    assert manager.get_conversation_context_with_stats("s").is_cached


def test_a_summarizer_that_is_cancelled_or_stops_an_iteration_has_failed() -> None:
    """In asyncio, where neither may come out or be waited for."""

    def stopping(messages: Any, prompt: Any) -> str:
        raise StopIteration

    async def cancelled(messages: Any, prompt: Any) -> str:
        raise asyncio.CancelledError

    async def run(summarizer: Any) -> None:
        half = storage.aio.continuity
        async with half.SessionManager(
            half.MemoryAdapter(),
            token_budget={**BUDGET},
            compression={**SUMMARIES},
            summarizer=summarizer,
        ) as manager:
            await manager.create_session(session_id="s")
            for number in range(10):
                await manager.add_message("s", role="user", content=text(number))
            with pytest.raises(CompressionError, match="the summarizer raised RuntimeError"):
                await asyncio.wait_for(manager.compress_context("s"), 20)

    for summarizer in (stopping, cancelled):
        asyncio.run(run(summarizer))


@pytest.mark.parametrize("answer", [None, 7, b"x", ["x"], "", " \n"])
def test_a_summary_that_is_none_costs_no_context(managed: Managed, answer: Any) -> None:
    manager = summarising(managed, managed.either(lambda messages, prompt: answer))
    filled(manager)
    heard = Heard()
    manager.on("error", heard)

    context = manager.get_conversation_context_with_stats("s")

    assert context.summary is None
    assert 0 < context.token_count <= 40
    assert texts(context.messages)[-1] == text(9)
    assert [event.data["code"] for event in heard.events] == ["COMPRESSION_ERROR"]
    with pytest.raises(CompressionError, match="a summarizer must return a str"):
        manager.compress_context("s")


def test_a_summarizer_that_never_answers_is_not_waited_for(managed: Managed) -> None:
    over = threading.Event()

    def silent(messages: Any, prompt: Any) -> str:
        over.wait(20)
        return WORDS

    async def silent_later(messages: Any, prompt: Any) -> str:
        await asyncio.sleep(20)
        return WORDS

    summarizer = silent_later if managed.is_async else silent
    manager = summarising(managed, summarizer, summarizer_timeout=0.05)
    filled(manager)
    heard = Heard()
    manager.on("error", heard)
    try:
        context = manager.get_conversation_context_with_stats("s")
        with pytest.raises(CompressionError, match=r"did not answer within 0\.05 seconds"):
            manager.compress_context("s")
    finally:
        over.set()

    assert context.applied == "truncate"
    assert texts(context.messages)[-1] == text(9)
    assert "did not answer" in heard.events[0].data["error"]


def test_a_summarizer_of_the_other_colour(managed: Managed) -> None:
    """Where one waits, it need not be awaited; where nobody can, it is refused."""
    if managed.is_async:
        manager = summarising(managed, lambda messages, prompt: WORDS)
        filled(manager)
        assert manager.get_conversation_context_with_stats("s").summary == WORDS
        manager = summarising(managed, Summarizer(is_awaited=True))
        filled(manager, name="t")
        assert manager.get_conversation_context_with_stats("t").summary == f"{WORDS} 1"
        return

    async def awaited(messages: Any, prompt: Any) -> str:
        return WORDS

    with pytest.raises(TypeError, match="blocking half"):
        summarising(managed, awaited)
    with pytest.raises(TypeError, match="blocking half"):
        managed.manager(compression={**SUMMARIES, "summarizer": awaited})


def test_a_summarizer_may_be_an_object_or_stand_in_the_configuration(managed: Managed) -> None:
    class Service:
        def summarize(self, messages: Any, prompt: Any = None) -> str:
            return f"{len(messages)} messages"

    for options in (
        {"summarizer": Service(), "compression": SUMMARIES},
        {"compression": {**SUMMARIES, "summarizer": Service()}},
        {"compression": {**SUMMARIES, "summarizer": Service().summarize}},
    ):
        manager = managed.manager(token_budget=BUDGET, **options)
        filled(manager)
        assert "messages" in manager.get_conversation_context_with_stats("s").summary
        manager.delete_session("s")


def test_a_session_goes_by_its_own_configuration(managed: Managed) -> None:
    """And by the summarizer of the manager, as nothing else could be kept."""
    summarizer = Summarizer()
    manager = managed.manager(token_budget={"max_tokens": 1000}, summarizer=summarizer)
    filled(manager, token_budget=BUDGET, compression=SUMMARIES)
    filled(manager, name="other")

    assert manager.get_conversation_context_with_stats("s").summary == f"{WORDS} 1"
    assert manager.get_conversation_context_with_stats("other").applied is None


@pytest.mark.parametrize("strategy", ["summarization", "hybrid"])
def test_a_manager_that_could_never_summarise_is_refused(managed: Managed, strategy: str) -> None:
    with pytest.raises(ValidationError, match=f"Compression strategy '{strategy}' requires a summ"):
        managed.half.SessionManager(
            managed.adapter(), compression={"strategy": strategy, "target_tokens": 40}
        )


@pytest.mark.parametrize(
    ("strategy", "more", "shown"), [("summarization", {}, 5), ("hybrid", {"max_messages": 3}, 3)]
)
def test_a_session_that_wants_a_summary_which_nobody_makes_is_cut(
    everywhere: Managed, strategy: str, more: dict[str, Any], shown: int
) -> None:
    """Another program made it."""
    manager = everywhere.manager(token_budget=BUDGET)
    filled(manager, compression={"strategy": strategy, "target_tokens": 40, **more})
    heard = Heard()
    manager.on("error", heard)

    contexts = [manager.get_conversation_context_with_stats("s") for _ in range(2)]

    for context in contexts:
        assert texts(context.messages) == [text(number) for number in range(10 - shown, 10)]
        assert (context.applied, context.summary) == ("truncate", None)
    (event,) = heard.events
    assert event.data["code"] == "COMPRESSION_ERROR"
    assert f"'{strategy}' requires a summarizer service" in event.data["error"]
    with pytest.raises(ValidationError, match=f"Compression strategy '{strategy}' requires a summ"):
        manager.compress_context("s")


def test_a_session_can_not_keep_a_summarizer(managed: Managed) -> None:
    """So one that is handed over with it is not dropped without a word."""
    manager = managed.manager()
    manager.create_session(session_id="s")
    config = managed.half.SummarizationConfig(40, Summarizer())

    for given in (config, {**SUMMARIES, "summarizer": Summarizer()}):
        with pytest.raises(ValidationError, match="can not keep a summarizer: hand it to the Ses"):
            manager.create_session(session_id="t", compression=given)
        with pytest.raises(ValidationError, match="can not keep a summarizer: hand it to the Ses"):
            manager.update_session("s", compression=given)

    assert [one.id for one in manager.list_sessions()] == ["s"]
    assert manager.get_session("s").compression is None


@pytest.mark.parametrize("strategy", ["sliding_window", "hybrid"])
def test_there_are_never_more_messages_than_it_says(everywhere: Managed, strategy: str) -> None:
    """However much room there is."""
    manager = everywhere.manager(
        token_budget={"max_tokens": 1000, "overflow_strategy": "compress"},
        compression={"strategy": strategy, "target_tokens": 900, "max_messages": 4},
        summarizer=Summarizer(),
    )
    filled(manager, 4)
    assert manager.get_conversation_context_with_stats("s").applied is None

    manager.add_message("s", role="user", content=text(4))
    context = manager.get_conversation_context_with_stats("s")

    assert context.applied == strategy
    assert texts(context.messages)[-4:] == [text(number) for number in range(1, 5)]
    assert len(context.messages) == (5 if strategy == "hybrid" else 4)


def test_there_are_never_more_messages_than_it_says_where_a_summary_fails(
    managed: Managed,
) -> None:
    manager = summarising(
        managed,
        managed.either(lambda messages, prompt: ""),
        compression={"strategy": "hybrid", "target_tokens": 40, "max_messages": 2},
    )
    filled(manager, 4)

    context = manager.get_conversation_context_with_stats("s")

    assert texts(context.messages) == [text(2), text(3)]


@pytest.mark.parametrize("budget", [None, {"max_tokens": 1000}])
def test_a_result_whose_call_was_deleted_is_not_shown(everywhere: Managed, budget: Any) -> None:
    """However much room there is."""
    manager = everywhere.manager(token_budget=budget)
    manager.create_session(session_id="s")
    call = {"id": "1", "name": "f", "arguments": "{}"}
    made = manager.add_message("s", role="assistant", content="", tool_calls=[call])
    result = {"toolCallId": "1", "result": "r"}
    told = manager.add_message("s", role="tool", content="x" * 40, tool_results=[result])
    manager.add_message("s", role="user", content="x" * 20)
    assert len(manager.get_conversation_context("s")) == 3

    manager.delete_message("s", made.id)
    context = manager.get_conversation_context_with_stats("s")

    assert [one.role for one in context.messages] == ["user"]
    assert (context.token_count, context.dropped_message_ids) == (5, (told.id,))


def test_to_compress_is_to_look_and_nothing_is_kept(everywhere: Managed) -> None:
    summarizer = Summarizer()
    manager = summarising(everywhere, summarizer)
    filled(manager)
    before = manager.get_session("s")
    heard = Heard()
    manager.on("*", heard)

    own = manager.compress_context("s")
    window = manager.compress_context("s", "sliding_window")
    hybrid = manager.compress_context("s", "hybrid")

    assert (own.strategy, window.strategy, hybrid.strategy) == (
        "summarization",
        "sliding_window",
        "hybrid",
    )
    assert texts(window.messages) == [text(number) for number in range(5, 10)]
    assert (window.original_token_count, window.compressed_token_count) == (80, 40)
    assert own.summary == f"{WORDS} 1"
    for result in (own, window, hybrid):
        assert (
            sum(one.token_count for one in result.messages) == result.compressed_token_count <= 40
        )
    assert manager.get_session("s") == before
    assert heard.types == ["compression:applied"] * 3
    assert heard.events[0].data == {
        "strategy": "summarization",
        "original_token_count": 80,
        "compressed_token_count": own.compressed_token_count,
    }


def test_to_compress_takes_a_strategy(managed: Managed) -> None:
    manager = managed.manager()
    filled(manager)

    with pytest.raises(ValidationError, match="No compression config available"):
        manager.compress_context("s")
    manager.update_session("s", compression={"strategy": "sliding_window", "target_tokens": 20})
    for strategy in ("zip", "", 7, ["hybrid"]):
        with pytest.raises(ValidationError, match="Unsupported compression strategy"):
            manager.compress_context("s", strategy)
    assert len(manager.compress_context("s").messages) == 2


def test_to_compress_takes_a_compression(managed: Managed) -> None:
    manager = managed.manager(token_budget=BUDGET)
    filled(manager)
    half = managed.half

    for given in (half.SlidingWindowConfig(20), {"strategy": "sliding_window", "targetTokens": 20}):
        assert texts(manager.compress_context("s", given).messages) == [text(8), text(9)]
    own = half.SummarizationConfig(40, managed.either(lambda messages, prompt: WORDS))
    assert manager.compress_context("s", own).summary == WORDS
    for wrong in ({"strategy": "sliding_window"}, {"target_tokens": 20}):
        with pytest.raises(ValidationError):
            manager.compress_context("s", wrong)


def test_a_call_and_its_result_are_shown_together_or_not_at_all(managed: Managed) -> None:
    budget = {"max_tokens": 40, "overflow_strategy": "truncate"}
    manager = managed.manager(token_budget=budget)
    manager.create_session(session_id="s")
    manager.add_message("s", role="user", content="x" * 40)
    call = {"id": "1", "name": "f", "arguments": "{}"}
    manager.add_message("s", role="assistant", content="x" * 80, tool_calls=[call])
    result = {"toolCallId": "1", "result": "r"}
    manager.add_message("s", role="tool", content="x" * 40, tool_results=[result])
    manager.add_message("s", role="user", content="x" * 20)

    context = manager.get_conversation_context_with_stats("s")

    assert [one.role for one in context.messages] == ["assistant", "tool", "user"]

    manager.add_message("s", role="user", content="x" * 20)

    assert [one.role for one in manager.get_conversation_context("s")] == ["user", "user"]


def test_a_context_is_no_activity(everywhere: Managed) -> None:
    manager = everywhere.manager(session_ttl=60, token_budget=BUDGET)
    filled(manager)
    before = manager.get_session("s")
    everywhere.clock.tick(5)

    manager.get_conversation_context("s")
    manager.get_messages("s")
    manager.list_sessions()

    assert manager.get_session("s") == before


def test_a_compression_that_is_applied_is_told(managed: Managed) -> None:
    manager = summarising(managed, Summarizer())
    filled(manager)
    heard = Heard()
    manager.on("compression:applied", heard)

    context = manager.get_conversation_context_with_stats("s")

    assert [event.data for event in heard.events] == [
        {
            "strategy": "summarization",
            "original_token_count": 80,
            "compressed_token_count": context.token_count,
        }
    ]


def test_a_summary_that_can_not_be_kept_is_shown_all_the_same(
    managed: Managed, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody deleted the session meanwhile."""
    adapter = managed.adapter()

    manager = summarising(
        managed,
        _after(managed, lambda messages: adapter.delete_session("s"), lambda *told: WORDS),
    )
    filled(manager)

    with caplog.at_level(logging.WARNING, "storage"):
        context = manager.get_conversation_context_with_stats("s")

    assert context.summary == WORDS
    assert [record.getMessage() for record in caplog.records] == ["a summary could not be kept"]


def test_a_state_of_a_stranger_is_no_summary(managed: Managed) -> None:
    """Whatever it says."""
    summarizer = Summarizer()
    adapter = managed.by_calls(managed.adapter())
    manager = summarising(managed, summarizer)
    adapter = managed.by_calls(managed.adapter())
    ids = [one.id for one in filled(manager)]

    for state in (
        {"strategy": "summarization", "signature": "x", "summary": "lies", "keptMessageIds": ids},
        {"strategy": "sliding_window", "signature": "10:a:10:80", "keptMessageIds": []},
    ):
        adapter.update_session("s", {"compression_state": state}, quiet=True)
        assert "lies" not in json.dumps(texts(manager.get_conversation_context("s")))


@pytest.mark.parametrize("overflow", ["truncate", "compress", "error"])
@pytest.mark.parametrize("strategy", ["sliding_window", "summarization", "hybrid"])
def test_a_session_without_messages_is_shown_as_nothing(
    managed: Managed, overflow: str, strategy: str
) -> None:
    manager = managed.manager(
        token_budget={"max_tokens": 10, "overflow_strategy": overflow},
        compression={"strategy": strategy, "target_tokens": 5},
        summarizer=Summarizer(),
    )
    manager.create_session(session_id="s")

    context = manager.get_conversation_context_with_stats("s")
    result = manager.compress_context("s")

    assert (context.messages, context.token_count, context.applied) == ((), 0, None)
    assert (result.messages, result.compressed_token_count, result.summary) == ((), 0, None)


@pytest.mark.parametrize("strategy", ["sliding_window", "summarization", "hybrid"])
def test_a_message_that_is_too_long_by_itself_is_not_shown(managed: Managed, strategy: str) -> None:
    manager = managed.manager(
        token_budget={"max_tokens": 30, "overflow_strategy": "compress"},
        compression={"strategy": strategy, "target_tokens": 30},
        summarizer=Summarizer(),
    )
    manager.create_session(session_id="s")
    manager.add_message("s", role="user", content="x" * 400)

    context = manager.get_conversation_context_with_stats("s")

    assert context.token_count <= 30
    assert "x" * 400 not in texts(context.messages)
