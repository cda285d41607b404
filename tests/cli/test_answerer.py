"""What answers in the demo: by what it is shown, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from storage.cli.answerer import answer


def talk(*texts: str) -> list[dict[str, Any]]:
    """A user and an assistant, by turns."""
    return [
        {"role": "assistant" if number % 2 else "user", "content": text}
        for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (("hello",), "I see."),
        (("My name is Ann.",), "Nice to meet you, Ann."),
        (("I'm Ann Lee!",), "Nice to meet you, Ann Lee."),
        (("i am  Ann", "yes", "hm"), "I see, Ann."),
        (("who am I?",), "You did not tell me, as far as I know."),
        (("I am Ann", "yes", "call me Rob", "yes", "Who  am I"), "You are Rob."),
        (("I am Ann", "yes", "who am I?", "You are Ann.", "what's my name?"), "You are Ann."),
        (("hm", "I am a bot", "who am I?"), "You did not tell me, as far as I know."),
        (("what did I say?",), "You said nothing before, as far as I know."),
        (("one", "two", "three", "four", "what did I say?"), 'You said "three".'),
        (("one", "two", "what did you say?"), 'I said "two".'),
        (("what did you say?",), "I said nothing before, as far as I know."),
        (("how many?",), "I remember 0 messages."),
        (("one", "two", "How many?"), "I remember 2 messages."),
    ],
)
def test_an_answer_is_made_of_what_was_said_before(texts: tuple[str, ...], told: str) -> None:
    assert answer(talk(*texts)) == told


def test_what_was_answered_meanwhile_is_no_question() -> None:
    """Another process may have answered, or taken back what was said."""
    assert answer(talk("I am Ann", "yes", "who am I?", "I see.")) == "You are Ann."
    assert answer([]) == answer([{"role": "assistant", "content": "yes"}]) == "I see."
