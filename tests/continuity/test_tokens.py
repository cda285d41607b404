"""How many tokens a text has, and a message, and who counts them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiktoken
import tiktoken.registry
from hypothesis import given
from hypothesis import strategies as st

from storage.continuity.tokenizers import TiktokenTokenizer, tokenizers
from storage.core.dialog.errors import ValidationError
from storage.core.dialog.tokens import (
    EstimateTokenizer,
    TokenCounter,
    TokenizerRegistry,
    counter_of,
    images,
    message_tokens,
    text_of,
)
from storage.errors import ConfigurationError
from tests.continuity.saying import calls, message, results

LETTERS = counter_of(len)
"""A token is a letter."""

PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}


def words(text: str) -> int:
    return len(text.split())


# An estimate


def test_an_estimate_is_a_token_for_four_letters_rounded_up() -> None:
    estimate = EstimateTokenizer()

    assert [estimate.count(text) for text in ("", "a", "four", "fives", "Hello world")] == [
        *(0, 1, 1, 2, 3)
    ]


def test_an_estimate_counts_as_javascript_does() -> None:
    """By UTF-16 units: one of these is two."""
    assert EstimateTokenizer(1).count("🙂") == 2
    assert EstimateTokenizer(1).count("\ud83d") == 1


@pytest.mark.parametrize(("chars_per_token", "tokens"), [(1, 11), (3, 4), (2.5, 5), (100, 1)])
def test_an_estimate_is_by_as_many_letters_as_it_was_told(
    chars_per_token: float, tokens: int
) -> None:
    assert EstimateTokenizer(chars_per_token).count("Hello world") == tokens


def test_a_list_is_estimated_with_three_for_each_message_and_three_more() -> None:
    estimate = EstimateTokenizer()

    assert estimate.count_messages([message(1, content="hello"), message(2, content="world")]) == 12
    assert estimate.count_messages([]) == 3


def test_messages_that_are_mappings_count_as_well() -> None:
    told = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": [{"type": "text", "text": "world"}, PICTURE]},
    ]

    assert EstimateTokenizer().count_messages(told) == 12


def test_an_estimate_has_names() -> None:
    assert (EstimateTokenizer().model, EstimateTokenizer().tokenizer) == ("estimate", "estimate")
    assert EstimateTokenizer(model="claude-sonnet-4").model == "claude-sonnet-4"


@pytest.mark.parametrize("wrong", [0, -1, 0.0, float("inf"), float("nan"), True, "4", None])
def test_nothing_is_estimated_by_less_than_a_letter(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="chars_per_token must be greater than 0"):
        EstimateTokenizer(wrong)


@given(st.text(), st.text())
def test_a_longer_text_is_never_estimated_lower(one: str, other: str) -> None:
    estimate = EstimateTokenizer()

    assert estimate.count(one + other) >= estimate.count(one)


# A message


def test_the_text_of_a_message_is_all_that_is_said_in_it() -> None:
    blocks = [{"type": "text", "text": "What is "}, PICTURE, {"type": "text", "text": "this?"}]

    assert text_of(message(1, content=blocks)) == "What is this?"
    assert images(message(1, content=blocks)) == 1
    assert images(message(1, content="image_url")) == 0


def test_what_a_tool_is_given_and_gives_is_text() -> None:
    assert text_of(calls(1, "a", "b")) == "Let me see" + "search{}" * 2
    assert text_of(results(2, "a")) == "Donefound"


def test_what_is_for_machines_is_no_text() -> None:
    assert text_of(message(1, content="Hi", annotations={"a": "b"})) == "Hi"


def test_what_a_message_is_kept_with_wins() -> None:
    assert message_tokens(message(1, content="Hello", tokens=3), LETTERS, 100) == 3
    assert message_tokens(message(1, content="Hello", tokens=0), LETTERS) == 0
    assert message_tokens(message(1, content="Hello"), LETTERS) == 5


def test_an_image_costs_what_it_is_said_to() -> None:
    seen = message(1, content=[{"type": "text", "text": "Hello"}, PICTURE, PICTURE])

    assert message_tokens(seen, LETTERS) == 5
    assert message_tokens(seen, LETTERS, 100) == 205


# A counter of one's own


def test_a_function_of_a_text_counts() -> None:
    counter = counter_of(words)

    assert counter.count("How do you do") == 4
    assert counter.count_messages([message(1, content="How do"), message(2, content="You")]) == 12
    assert (counter.model, counter.tokenizer) == ("unknown", "function")


class Mine:
    """A counter as somebody else writes it."""

    model = "mine-1"
    tokenizer = "mine"

    def count(self, text: str) -> int:
        return len(text)

    def count_messages(self, messages: Iterable[Any]) -> int:
        return 100 * len(list(messages))


def test_a_counter_counts_as_it_was_written() -> None:
    counter = counter_of(Mine())

    assert (counter.count("Hello"), counter.count_messages([message(1)])) == (5, 100)
    assert (counter.model, counter.tokenizer) == ("mine-1", "mine")


def test_a_counter_that_is_known_is_taken_as_it_is() -> None:
    estimate = EstimateTokenizer()

    assert counter_of(estimate) is estimate
    assert counter_of(LETTERS) is LETTERS


async def later(text: str) -> int:
    return len(text)


class Later(Mine):
    async def count(self, text: str) -> int:  # type: ignore[override]
        return len(text)


@pytest.mark.parametrize("counting", [later, Later()])
def test_what_has_to_be_awaited_does_not_count(counting: Any) -> None:
    with pytest.raises(ValidationError, match="not a coroutine function"):
        counter_of(counting)


@pytest.mark.parametrize("wrong", [None, 4, "text", ["list"], Mine, EstimateTokenizer, object()])
def test_what_can_not_count_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="must be a TokenCounter or a function of a text"):
        counter_of(wrong)


@pytest.mark.parametrize("answer", [-1, 1.5, None, True, "3", "what was said"])
def test_an_answer_that_is_no_number_of_tokens_is_refused(answer: Any) -> None:
    counter = counter_of(lambda _: answer)

    with pytest.raises(ValidationError, match="must return an int of 0 or more") as caught:
        counter.count("Hello")
    assert "what was said" not in str(caught.value)
    with pytest.raises(ValidationError, match="must return an int of 0 or more"):
        counter.count_messages([message(1)])


def test_what_a_counter_says_of_a_list_is_looked_at_too() -> None:
    class Wrong(Mine):
        def count_messages(self, messages: Iterable[Any]) -> int:
            return -1

    with pytest.raises(ValidationError, match="must return an int of 0 or more, not -1"):
        counter_of(Wrong()).count_messages([])


# Who counts for which model


def named(name: str) -> Any:
    def factory(model: str) -> TokenCounter:
        return EstimateTokenizer(model=f"{name} for {model}")

    return factory


def test_the_longest_name_that_a_model_begins_with_counts() -> None:
    registry = TokenizerRegistry({"gpt-4": named("old"), "gpt-4o": named("new")})
    registry.register("gpt-4o-mini", named("small"))

    assert registry.supported == ("gpt-4", "gpt-4o", "gpt-4o-mini")
    assert registry.for_model("gpt-4").model == "old for gpt-4"
    assert registry.for_model("gpt-4-turbo").model == "old for gpt-4-turbo"
    assert registry.for_model("gpt-4o-2024-11-20").model == "new for gpt-4o-2024-11-20"
    assert registry.for_model("gpt-4o-mini").model == "small for gpt-4o-mini"


def test_a_model_that_is_fine_tuned_counts_as_what_it_was_made_of() -> None:
    """Unless it is registered itself."""
    registry = TokenizerRegistry({"gpt-4o": named("new"), "ft:gpt-4:me": named("mine")})
    registry.register("gpt-4:me and more", named("old"))

    assert registry.for_model("ft:gpt-4o-mini:org").model == "new for ft:gpt-4o-mini:org"
    assert registry.for_model("ft:gpt-4:me and more").model == "mine for ft:gpt-4:me and more"
    assert registry.for_model("ft:other").tokenizer == "estimate"


def test_what_is_registered_last_counts() -> None:
    registry = TokenizerRegistry({"mine": named("old")})
    registry.register("mine", named("new"))

    assert registry.for_model("mine").model == "new for mine"


def test_a_model_that_nobody_knows_is_estimated() -> None:
    counter = TokenizerRegistry({"gpt-4": named("old")}).for_model("gpt")

    assert isinstance(counter, EstimateTokenizer)
    assert counter.model == "gpt"


@pytest.mark.parametrize(("model", "factory"), [("", named("")), (4, named("")), ("a", "b")])
def test_what_can_not_be_registered_is_refused(model: Any, factory: Any) -> None:
    with pytest.raises(ValidationError):
        TokenizerRegistry().register(model, factory)


def test_what_makes_counters_is_not_awaited() -> None:
    with pytest.raises(ValidationError, match="plain function"):
        TokenizerRegistry().register("a", later)  # type: ignore[arg-type]


def test_a_model_is_named_by_a_text() -> None:
    with pytest.raises(ValidationError, match="must be a str, not int"):
        TokenizerRegistry().for_model(4)  # type: ignore[arg-type]


# Counting with tiktoken


def encoding(name: str) -> tiktoken.Encoding:
    """One that was written by hand: nothing is fetched for it."""
    letters = {bytes([number]): number for number in range(256)}
    return tiktoken.Encoding(
        name,
        pat_str=r"\S+|\s+",
        mergeable_ranks={**letters, b"th": 256, b"the": 257},
        special_tokens={"<|end|>": 258},
    )


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The encodings are there already, as after they were fetched once."""
    for name in ("cl100k_base", "o200k_base"):
        monkeypatch.setitem(tiktoken.registry.ENCODINGS, name, encoding(name))
    return


def test_tiktoken_counts_what_its_encoding_makes_one() -> None:
    counter = TiktokenTokenizer("mine", encoding=encoding("small"))

    assert [counter.count(text) for text in ("", "the", "then", "the then")] == [0, 1, 2, 4]
    assert (counter.model, counter.tokenizer) == ("mine", "small")


def test_tiktoken_counts_lists_calls_and_blocks() -> None:
    counter = TiktokenTokenizer("mine", encoding=encoding("small"))
    blocks = [{"type": "text", "text": "the"}, PICTURE]

    assert counter.count_messages([]) == 3
    assert counter.count_messages([message(1, content="the"), message(2, content=blocks)]) == 11
    assert counter.count_messages([calls(1, "a")]) > counter.count_messages([calls(1)])


def test_what_looks_special_in_a_text_is_a_text() -> None:
    counter = TiktokenTokenizer("mine", encoding=encoding("small"))

    assert counter.count("<|end|>") == 7


def test_a_lone_surrogate_is_counted_too() -> None:
    assert TiktokenTokenizer("mine", encoding=encoding("small")).count("\ud83d") > 0


def test_tiktoken_is_a_counter_like_others() -> None:
    counter = counter_of(TiktokenTokenizer("mine", encoding=encoding("small")))

    assert message_tokens(message(1, content="the then"), counter) == 4


@pytest.mark.parametrize(
    ("model", "name"),
    [
        *((model, "o200k_base") for model in ("gpt-4o", "gpt-4o-2024-11-20", "gpt-4o-mini")),
        *((model, "o200k_base") for model in ("gpt-4.1", "gpt-4.1-nano", "o1", "o1-mini")),
        *((model, "o200k_base") for model in ("o3-mini", "o4-mini", "o4", "gpt-5", "gpt-5.2-pro")),
        *((model, "cl100k_base") for model in ("gpt-4", "gpt-4-turbo", "gpt-3.5-turbo-0125")),
        ("ft:gpt-4o-mini:org", "o200k_base"),
        ("ft:gpt-4.1-nano:org", "o200k_base"),
        ("ft:gpt-3.5-turbo:org", "cl100k_base"),
    ],
)
@pytest.mark.usefixtures("loaded")
def test_each_model_counts_by_its_own_encoding(model: str, name: str) -> None:
    counter = tokenizers().for_model(model)

    assert isinstance(counter, TiktokenTokenizer)
    assert (counter.model, counter.tokenizer) == (model, name)


@pytest.mark.usefixtures("loaded")
def test_a_model_that_tiktoken_does_not_know_is_counted_as_older_ones_are() -> None:
    assert TiktokenTokenizer("nobody-knows-this").tokenizer == "cl100k_base"


@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-3-haiku", "gemini-3", ""])
def test_other_models_are_estimated(model: str) -> None:
    counter = tokenizers().for_model(model)

    assert isinstance(counter, EstimateTokenizer)
    assert counter.model == model


def test_a_counter_of_ones_own_is_registered_for_oneself() -> None:
    mine = tokenizers()
    mine.register("claude", named("mine"))

    assert mine.for_model("claude-opus-4-6").model == "mine for claude-opus-4-6"
    assert tokenizers().for_model("claude-opus-4-6").model == "claude-opus-4-6"


def test_where_tiktoken_is_not_installed_models_are_estimated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", None)

    assert isinstance(tokenizers().for_model("gpt-4o"), EstimateTokenizer)
    with pytest.raises(ConfigurationError, match=r"pip install 'chatstorage\[tiktoken\]'"):
        TiktokenTokenizer("gpt-4o")


def test_an_encoding_that_can_not_be_fetched_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(tiktoken.registry.ENCODINGS, "o200k_base", raising=False)

    with pytest.raises(ConfigurationError, match="can not load the encoding o200k_base"):
        TiktokenTokenizer("gpt-4o")
