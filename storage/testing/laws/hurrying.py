"""Many at once, by two adapters: nothing is lost, nothing is done twice, and nobody fails."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ...core.dialog.errors import (
    ConcurrencyError,
    SessionError,
    SessionExistsError,
    TokenBudgetExceededError,
)
from ...core.dialog.records import TokenBudgetConfig
from ..threads import crowd
from .continuity import Continued, Pair, assert_counted, heard, say

WRITERS: Final = 10
TURNS: Final = 10


class SessionCrowds(Continued):
    """Many threads at once; where the adapter is an asyncio one, each is a task of its own."""

    def test_no_message_is_lost_and_each_writer_s_come_in_order(self, pair: Pair) -> None:
        adapters = pair()
        adapters[0].create_session({"id": "s"})

        def write(writer: int) -> None:
            for turn in range(TURNS):
                say(adapters[writer % 2], "s", f"{writer} {turn}", token_count=writer)

        crowd([partial(write, writer) for writer in range(WRITERS)])

        for adapter in adapters:
            session, texts = adapter.get_session("s"), heard(adapter, "s")
            assert session.message_count == len(texts) == WRITERS * TURNS
            assert session.token_count == TURNS * sum(range(WRITERS))
            assert session.version == 1
            for writer in range(WRITERS):
                own = [text for text in texts if text.startswith(f"{writer} ")]
                assert own == [f"{writer} {turn}" for turn in range(TURNS)]
        numbers = [one.sequence for one in adapters[0].get_messages("s")]
        assert numbers == list(range(1, WRITERS * TURNS + 1))

    def test_a_message_that_many_add_is_there_once(self, pair: Pair) -> None:
        adapters = pair()
        adapters[0].create_session({"id": "s"})

        def write(writer: int) -> list[Any]:
            return [
                say(adapters[writer % 2], "s", f"{writer}", id=f"m{turn}", token_count=1)
                for turn in range(TURNS)
            ]

        told = crowd([partial(write, writer) for writer in range(WRITERS)])

        assert told == [told[0]] * WRITERS
        assert adapters[1].get_session("s")[12:14] == (TURNS, TURNS)
        assert heard(adapters[1], "s") == [one.content for (one,) in told[0]]

    def test_no_update_is_lost_though_all_say_what_they_saw(self, pair: Pair) -> None:
        adapters = pair()
        adapters[0].create_session({"id": "s", "metadata": {"n": 0}})

        def count(writer: int) -> None:
            adapter, done = adapters[writer % 2], 0
            while done < TURNS // 2:
                seen = adapter.get_session("s")
                metadata = {"n": seen.metadata["n"] + 1}
                done += outcome(
                    lambda: adapter.update_session(
                        "s",
                        {"metadata": metadata},  # noqa: B023
                        expected_version=seen.version,  # noqa: B023
                    ),
                    ConcurrencyError,
                )

        crowd([partial(count, writer) for writer in range(WRITERS // 2)])

        found = adapters[0].get_session("s")
        assert found.metadata == {"n": TURNS // 2 * (WRITERS // 2)}
        assert found.version == found.metadata["n"] + 1

    def test_one_of_all_who_saw_the_same_changes_it(self, pair: Pair) -> None:
        adapters = pair()
        adapters[0].create_session({"id": "s"})

        def change(writer: int, version: int) -> bool:
            return outcome(
                lambda: adapters[writer % 2].update_session(
                    "s", {"user_id": f"u{writer}"}, expected_version=version
                ),
                ConcurrencyError,
            )

        for version in range(1, 6):
            told = crowd([partial(change, writer, version) for writer in range(WRITERS)])
            (winner,) = [writer for writer, won in enumerate(told) if won]
            assert adapters[0].get_session("s").user_id == f"u{winner}"
            users = [session.user_id for session in adapters[1].list_sessions()]
            assert users == [f"u{winner}"]

    def test_updates_that_expect_nothing_all_go(self, pair: Pair) -> None:
        adapters = pair()
        adapters[0].create_session({"id": "s"})
        names = ("user_id", "active_agent_id")

        def change(writer: int) -> None:
            for turn in range(TURNS):
                adapters[writer % 2].update_session("s", {names[turn % 2]: f"{writer}"})
                say(adapters[writer % 2], "s", "and a message")

        crowd([partial(change, writer) for writer in range(WRITERS)])

        found = adapters[0].get_session("s")
        assert (found.version, found.message_count) == (WRITERS * TURNS + 1, WRITERS * TURNS)

    def test_no_more_tokens_come_in_than_there_may_be(self, pair: Pair) -> None:
        adapters = pair()
        adapters[0].create_session({"id": "s", "token_budget": TokenBudgetConfig(100, 0, "error")})

        def write(writer: int) -> int:
            return sum(
                outcome(
                    partial(say, adapters[writer % 2], "s", "text", token_count=3),
                    TokenBudgetExceededError,
                )
                for _ in range(TURNS)
            )

        told = crowd([partial(write, writer) for writer in range(WRITERS)])

        assert sum(told) == 33
        assert adapters[1].get_session("s")[12:14] == (99, 33)

    def test_one_of_all_who_make_a_session_has_made_it(self, pair: Pair) -> None:
        adapters = pair()

        def make(writer: int, turn: int) -> bool:
            return outcome(
                lambda: adapters[writer % 2].create_session(
                    {"id": f"s{turn}", "user_id": f"{writer}"}
                ),
                SessionExistsError,
            )

        for turn in range(5):
            told = crowd([partial(make, writer, turn) for writer in range(WRITERS)])
            (winner,) = [writer for writer, won in enumerate(told) if won]
            assert adapters[0].get_session(f"s{turn}").user_id == f"{winner}"

    def test_one_of_all_who_take_it_away_is_told_so(self, pair: Pair) -> None:
        adapters = pair()
        for turn in range(5):
            adapters[0].create_session({"id": "s"})
            say(adapters[0], "s", *"abc", token_count=turn)

            told = crowd(
                [partial(adapters[writer % 2].delete_session, "s") for writer in range(WRITERS)]
            )

            assert sum(told) == 1
            assert adapters[0].get_session("s") is None

    def test_what_is_known_of_messages_is_right_whatever_became_of_them(self, pair: Pair) -> None:
        adapters = pair()
        adapters[0].create_session({"id": "s"})

        def work(writer: int) -> None:
            adapter = adapters[writer % 2]
            for turn in range(TURNS):
                name, text = f"{writer} {turn}", f"{writer}"
                say(adapter, "s", text, id=name, token_count=5)
                if turn % 3 == 0:
                    adapter.update_message("s", name, {"token_count": turn})
                if turn % 4 == 0:
                    adapter.delete_message("s", name)
                if turn == TURNS // 2 and writer == 3:
                    adapter.delete_all_messages("s")

        crowd([partial(kindly, partial(work, writer)) for writer in range(WRITERS)])

        assert_counted(adapters[0], "s")
        numbers = [one.sequence for one in adapters[1].get_messages("s")]
        assert numbers == sorted({*numbers})

    def test_nothing_is_left_of_a_session_to_which_many_add_while_it_goes(self, pair: Pair) -> None:
        adapters = pair()
        for turn in range(5):
            adapters[0].create_session({"id": "s"})

            def write(writer: int, turn: int = turn) -> None:
                for number in range(TURNS):
                    say(adapters[writer % 2], "s", "text", id=f"{turn} {writer} {number}")

            works = [partial(kindly, partial(write, writer)) for writer in range(4)]
            crowd([*works, partial(adapters[1].delete_session, "s")])

            assert adapters[0].get_session("s") is None
            assert list(adapters[0].get_messages("s")) == []
            made = adapters[0].create_session({"id": "s"})
            assert made[12:14] == (0, 0)
            assert list(adapters[1].get_messages("s")) == []
            assert say(adapters[0], "s", "new", id=f"{turn} 0 0")[0].sequence == 1
            adapters[0].delete_session("s")


def outcome(call: Callable[[], object], refused: type[SessionError]) -> bool:
    """Whether a *call* was done, and not *refused*."""
    try:
        call()
    except refused:
        return False
    return True


def kindly(call: Callable[[], object]) -> None:
    """Do it as far as it goes: somebody takes away what it is done with."""
    try:
        call()
    except SessionError as error:
        if not isinstance(error.__cause__, LookupError):
            raise
