"""Messages are kept in the order of their adding, and what is known of them is what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from ...core.dialog.errors import (
    MessageConflictError,
    TokenBudgetExceededError,
    ValidationError,
)
from ...core.dialog.records import Message, TokenBudgetConfig, ToolCall, ToolResult
from ..clock import Clock
from .continuity import (
    LONG,
    SECOND,
    Continued,
    assert_counted,
    contents,
    failing,
    heard,
    ids,
    no_message,
    say,
)

BLOCKS: Final[list[dict[str, Any]]] = [
    {"type": "text", "text": "look \u00e9 \U0001f600"},
    {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
    {"type": "text", "text": ""},
]

CONTENTS: Final[tuple[Any, ...]] = (
    *("", " ", "\0", "a\0b", "\r\n", "0", "null", '{"a": 1}', "[]", '"', "\u2028\ufeff"),
    *("\u00e9 e\u0301 \U0001f1e9\U0001f1ea \U00020000", "k" * 10_000, "\u00e9" * 5_000),
    *([], BLOCKS, [{"type": "text", "text": "k" * 10_000}]),
)
"""What some store somewhere has stumbled over."""


class Saying(Continued):
    @pytest.fixture
    def begun(self, pair: Any) -> Any:
        """An adapter with a session that is called `s`."""
        adapter: Any = pair()[0]
        adapter.create_session({"id": "s"})
        return adapter

    def test_a_message_is_kept_with_what_is_known_of_it(self, begun: Any, clock: Clock) -> None:
        self.tick(clock, 1)
        told = begun.add_message("s", {"role": "user", "content": "hello"})

        assert type(told) is Message
        assert told.id
        assert (told.session_id, told.role, told.content) == ("s", "user", "hello")
        assert told.sequence == 1
        assert (told.token_count, told.metadata, told.updated_at) == (None, None, None)
        self.assert_now(told.created_at, clock)
        assert begun.get_messages("s") == [told]
        assert begun.add_message("s", {"role": "user", "content": "hello"}).id != told.id

    @pytest.mark.parametrize("role", ["user", "assistant", "system", "tool"])
    def test_what_was_told_of_a_message_comes_back(
        self, begun: Any, clock: Clock, role: str
    ) -> None:
        told = {
            "id": "m",
            "role": role,
            "content": BLOCKS,
            "token_count": 7,
            "metadata": {"custom": {"n": [1, None, 0.5]}, "toolCalls": []},
            "created_at": clock.now - LONG * SECOND,
        }
        begun.add_message("s", told)

        (found,) = begun.get_messages("s")
        assert {name: getattr(found, name) for name in told} == told

    def test_calls_and_their_results_come_back(self, begun: Any) -> None:
        call = ToolCall("c1", "look", '{"at": "\u00e9"}')
        result = ToolResult("c1", "nothing", True)
        begun.add_message("s", {"role": "assistant", "content": "", "tool_calls": [call]})
        begun.add_message(
            "s", {"role": "tool", "content": "", "toolResults": [result], "metadata": {"n": 1}}
        )

        one, two = begun.get_messages("s")
        assert (one.tool_calls, two.tool_results) == ((call,), (result,))
        assert one.metadata == {
            "toolCalls": [{"id": "c1", "name": "look", "arguments": '{"at": "\u00e9"}'}]
        }
        assert two.metadata == {
            "n": 1,
            "toolResults": [{"toolCallId": "c1", "result": "nothing", "isError": True}],
        }

    def test_any_content_comes_back(self, begun: Any) -> None:
        for content in CONTENTS:
            told = begun.add_message("s", {"role": "user", "content": content})
            assert told.content == content

        assert contents(begun.get_messages("s")) == list(CONTENTS)
        for one, content in zip(begun.get_messages("s"), reversed(CONTENTS)):
            assert begun.update_message("s", one.id, {"content": content}).content == content
        assert contents(begun.get_messages("s")) == list(reversed(CONTENTS))

    def test_messages_are_counted(self, begun: Any) -> None:
        for turn, tokens in enumerate((5, 0, None, 7), 1):
            say(begun, "s", "text", id=f"m{turn}", token_count=tokens)
            assert begun.get_session("s").message_count == turn
        assert begun.get_session("s").token_count == 12

        begun.update_message("s", "m3", {"token_count": 100})
        assert begun.get_session("s").token_count == 112
        begun.update_message("s", "m1", {"token_count": None})
        assert begun.get_session("s").token_count == 107
        begun.update_message("s", "m4", {"content": "of the same count"})
        assert begun.get_session("s").token_count == 107
        begun.delete_message("s", "m3")
        assert begun.get_session("s")[12:14] == (7, 3)
        assert_counted(begun, "s")

    def test_a_message_is_activity_and_no_version(self, begun: Any, clock: Clock) -> None:
        made = begun.get_session("s")
        changes: list[Callable[[], object]] = [
            lambda: say(begun, "s", "one", id="m"),
            lambda: begun.update_message("s", "m", {"content": "new"}),
            lambda: begun.delete_message("s", "m"),
            lambda: begun.delete_all_messages("s"),
        ]
        for change in changes:
            self.tick(clock, 1)
            change()
            found = begun.get_session("s")
            self.assert_now(found.last_activity_at, clock)
            assert found == made._replace(
                last_activity_at=found.last_activity_at, message_count=found.message_count
            )

    def test_reading_is_no_activity(self, begun: Any, clock: Clock) -> None:
        say(begun, "s", "one")
        made = begun.get_session("s")
        self.tick(clock, 1)

        begun.get_messages("s")
        begun.list_sessions()
        begun.get_expired_sessions()
        begun.health()
        assert begun.get_session("s") == made

    def test_no_message_is_made_before_the_one_it_follows(self, begun: Any, clock: Clock) -> None:
        """Whatever the clock does."""
        for step in (0, -5, -1, 2, 20):
            self.tick(clock, step)
            say(begun, "s", f"{step}")

        found = [one.created_at for one in begun.get_messages("s")]
        assert found == sorted(found)
        self.assert_now(found[-1], clock)

    def test_numbers_rise_and_none_is_given_twice(self, begun: Any) -> None:
        say(begun, "s", *"abc")
        begun.delete_message("s", begun.get_messages("s")[-1].id)
        say(begun, "s", *"de")
        assert [one.sequence for one in begun.get_messages("s")] == [1, 2, 4, 5]

        begun.delete_all_messages("s")
        say(begun, "s", "f")
        assert begun.get_messages("s")[0].sequence == 6

    def test_no_message_is_kept_without_a_session(self, begun: Any) -> None:
        with failing("add message"):
            say(begun, "t", "hello", id="m")

        assert list(begun.get_messages("t")) == []
        begun.create_session({"id": "t"})
        assert begun.get_session("t").message_count == 0
        assert say(begun, "s", "hello", id="m")[0].sequence == 1

    def test_what_is_done_twice_is_done_once(self, begun: Any, clock: Clock) -> None:
        (first,) = say(begun, "s", "first", id="m", token_count=3)
        say(begun, "s", "second")
        made = begun.get_session("s")
        self.tick(clock, 1)

        for text in ("first", "another"):
            assert say(begun, "s", text, id="m", token_count=9) == [first]

        assert begun.get_session("s") == made
        assert heard(begun, "s") == ["first", "second"]
        begun.update_session("s", {"status": "completed"})
        assert say(begun, "s", "again", id="m") == [first]

    def test_who_does_it_again_is_told_that_it_was_there(self, begun: Any) -> None:
        told = [say(begun, "s", "first", id="m")[0] for _ in range(3)]

        assert [one.was_there for one in told] == [False, True, True]
        assert begun.get_message("s", "m").was_there is False

    def test_one_message_is_found_by_its_name(self, begun: Any) -> None:
        begun.create_session({"id": "t"})
        one, two = (say(begun, "s", text, id=text, token_count=2)[0] for text in ("a", "b"))

        assert (begun.get_message("s", "a"), begun.get_message("s", "b")) == (one, two)
        assert begun.get_message("s", "c") is None
        assert begun.get_message("t", "a") is None
        assert begun.get_message("nobody's", "a") is None
        begun.delete_message("s", "a")
        assert begun.get_message("s", "a") is None

    def test_a_message_is_in_one_session(self, begun: Any) -> None:
        begun.create_session({"id": "t"})
        (mine,) = say(begun, "s", "mine", id="m")

        with pytest.raises(ValidationError):
            say(begun, "t", "theirs", id="m")
        with no_message("update message"):
            begun.update_message("t", "m", {"content": "theirs"})
        with no_message("delete message"):
            begun.delete_message("t", "m")

        assert begun.get_messages("s") == [mine]
        assert list(begun.get_messages("t")) == []
        assert begun.get_session("t").message_count == 0
        assert say(begun, "t", "first")[0].sequence == 1
        begun.delete_message("s", "m")
        assert ids(say(begun, "t", "theirs", id="m")) == ["m"]


class Budgets(Continued):
    @pytest.mark.parametrize(("reserve", "most"), [(0, 10), (4, 6)])
    def test_there_are_no_more_tokens_than_there_may_be(
        self, adapter: Any, reserve: int, most: int
    ) -> None:
        budget = TokenBudgetConfig(10, reserve, "error")
        adapter.create_session({"id": "s", "token_budget": budget})
        say(adapter, "s", "one", id="m", token_count=most - 2)

        with pytest.raises(TokenBudgetExceededError) as caught:
            say(adapter, "s", "too long", token_count=3)
        error = caught.value
        assert (error.used, error.limit, error.overage) == (most - 2, most, 1)
        assert adapter.get_session("s").message_count == 1

        say(adapter, "s", "it fits", token_count=2)
        say(adapter, "s", "nothing", token_count=0)
        say(adapter, "s", "unknown")
        with pytest.raises(TokenBudgetExceededError):
            say(adapter, "s", "one more", token_count=1)
        adapter.delete_message("s", "m")
        say(adapter, "s", "there is room again", token_count=1)
        assert_counted(adapter, "s")

    @pytest.mark.parametrize("overflow", ["truncate", "compress"])
    def test_other_budgets_refuse_nothing(self, adapter: Any, overflow: Any) -> None:
        budget = TokenBudgetConfig(10, 0, overflow)
        adapter.create_session({"id": "s", "token_budget": budget})

        say(adapter, "s", *"abc", token_count=9)
        adapter.add_message("s", {"role": "user", "content": "d", "token_count": 9}, most_tokens=1)

        assert adapter.get_session("s").token_count == 36

    def test_a_session_without_a_budget_has_that_of_who_adds(self, adapter: Any) -> None:
        adapter.create_session({"id": "s"})
        say(adapter, "s", *"ab", token_count=9)
        message = {"role": "user", "content": "c", "token_count": 3}

        with pytest.raises(TokenBudgetExceededError) as caught:
            adapter.add_message("s", message, most_tokens=20)
        assert (caught.value.used, caught.value.limit, caught.value.overage) == (18, 20, 1)
        adapter.add_message("s", message, most_tokens=21)
        assert adapter.get_session("s").token_count == 21

        own = TokenBudgetConfig(24, 0, "error")
        adapter.update_session("s", {"token_budget": own})
        adapter.add_message("s", message, most_tokens=1)
        with pytest.raises(TokenBudgetExceededError):
            adapter.add_message("s", message, most_tokens=1000)

    def test_what_is_there_already_is_not_too_much(self, adapter: Any) -> None:
        adapter.create_session({"id": "s", "token_budget": TokenBudgetConfig(10, 0, "error")})
        (first,) = say(adapter, "s", "first", id="m", token_count=10)

        assert say(adapter, "s", "first", id="m", token_count=10) == [first]
        adapter.update_message("s", "m", {"token_count": 50})
        assert adapter.get_session("s").token_count == 50


class Amending(Continued):
    @pytest.fixture
    def talk(self, pair: Any) -> Any:
        """An adapter with a session that is called `s`, of three messages."""
        adapter: Any = pair()[0]
        adapter.create_session({"id": "s"})
        for name in ("a", "b", "c"):
            say(adapter, "s", name, id=name, token_count=1, metadata={"n": 1})
        return adapter

    def test_an_update_changes_what_it_says_of_a_message_and_nothing_else(
        self, talk: Any, clock: Clock
    ) -> None:
        one, made, three = talk.get_messages("s")
        updates: dict[str, Any] = {
            "content": BLOCKS,
            "role": "assistant",
            "token_count": 5,
            "metadata": {"m": [2]},
        }
        for name, value in updates.items():
            self.tick(clock, 1)
            told = talk.update_message("s", "b", {name: value})

            self.assert_now(told.updated_at, clock)
            made = made._replace(**{name: value}, updated_at=told.updated_at)
            assert told == made
            assert talk.get_messages("s") == [one, made, three]

        told = talk.update_message("s", "b", {"metadata": None, "content": "text"})
        assert (told.metadata, told.content) == (None, "text")
        assert ids(talk.get_messages("s", {"roles": ["assistant"]})) == ["b"]

    def test_a_message_that_is_not_what_is_expected_stays_as_it_is(
        self, talk: Any, clock: Clock
    ) -> None:
        seen = talk.get_message("s", "b")
        told = talk.update_message("s", "b", {"token_count": 7}, expected=seen)
        assert told.token_count == 7
        for other in ({"content": BLOCKS}, {"metadata": {"n": 2}}, {"metadata": None}):
            seen = talk.update_message("s", "b", other, expected=told)
            session = talk.get_session("s")
            self.tick(clock, 1)

            with pytest.raises(MessageConflictError) as caught:
                talk.update_message("s", "b", {"content": "new"}, expected=told)

            assert caught.value.message_id == "b"
            assert talk.get_message("s", "b") == seen
            assert talk.get_session("s") == session
            told = seen

    def test_a_message_that_is_taken_away_is_given_back(self, talk: Any) -> None:
        one, two, three = talk.get_messages("s")

        assert talk.delete_message("s", "b") == two

        assert talk.get_messages("s") == [one, three]
        with no_message("delete message"):
            talk.delete_message("s", "b")
        with no_message("update message"):
            talk.update_message("s", "b", {"content": "new"})
        assert_counted(talk, "s")

    def test_all_messages_can_be_taken_away_at_once(self, talk: Any) -> None:
        talk.create_session({"id": "t"})
        say(talk, "t", "kept")

        assert talk.delete_all_messages("s") == 3
        assert talk.delete_all_messages("s") == 0

        assert list(talk.get_messages("s")) == []
        assert talk.get_session("s")[12:14] == (0, 0)
        assert heard(talk, "t") == ["kept"]
        assert heard(talk, "s") == []
        say(talk, "s", "new", id="a")
        assert heard(talk, "s") == ["new"]

    def test_so_can_those_of_a_long_session(self, talk: Any) -> None:
        talk.create_session({"id": "t"})
        number = 1100
        for turn in range(number):
            talk.add_message(
                "t", {"id": f"t{turn}", "role": "user", "content": "", "token_count": 1}
            )
        talk.create_session({"id": "u"})

        assert talk.get_session("t")[12:14] == (number, number)
        assert ids(talk.get_messages("t")) == [f"t{turn}" for turn in range(number)]
        late = talk.get_messages("t", {"offset": number - 2, "roles": ["user"]})
        assert ids(late) == [f"t{number - 2}", f"t{number - 1}"]
        assert talk.delete_all_messages("t") == number
        assert talk.get_session("t")[12:14] == (0, 0)
        assert list(talk.get_messages("t")) == []
        assert len(say(talk, "u", "new", id="t0")) == 1

    def test_nothing_is_changed_of_a_session_that_is_not_there(self, talk: Any) -> None:
        with failing("update message"):
            talk.update_message("t", "a", {"content": "new"})
        with failing("delete message"):
            talk.delete_message("t", "a")
        with failing("delete all messages"):
            talk.delete_all_messages("t")
        with no_message("update message"):
            talk.update_message("s", "x", {"content": "new"})

        assert heard(talk, "s") == ["a", "b", "c"]
