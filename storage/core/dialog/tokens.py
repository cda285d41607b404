"""How many tokens a text has, and a message, and who counts them for which model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from ...runtime import is_async
from .checks import kind, members
from .dates import when_of
from .errors import ValidationError
from .message_checks import content, message_metadata
from .records import Message

TOKENS_A_MESSAGE: Final = 3
"""What is counted for each message of a list, beside its text."""

TOKENS_A_LIST: Final = 3
"""What is counted for a list of messages, beside them."""

ENCODINGS: Final[dict[str, str]] = {
    **dict.fromkeys(("gpt-3.5", "gpt-35", "gpt-4"), "cl100k_base"),
    **dict.fromkeys(("gpt-4o", "gpt-4.1", "gpt-4.5", "chatgpt-", "gpt-5"), "o200k_base"),
    **dict.fromkeys(("o1", "o3", "o4"), "o200k_base"),
}
"""By what the names of OpenAI's models begin with: how these count."""

_EPOCH: Final = when_of(0)


class TokenCounter(Protocol):
    """Counts tokens as a model does."""

    @property
    def model(self) -> str:
        """The name of the model."""
        ...

    @property
    def tokenizer(self) -> str:
        """The name of what counts."""
        ...

    def count(self, text: str, /) -> int:
        """How many tokens *text* has."""
        ...

    def count_messages(self, messages: Iterable[Message | Mapping[str, Any]], /) -> int:
        """How many tokens *messages* have as a list, with what a model adds to them."""
        ...


Factory = Callable[[str], TokenCounter]
"""Makes a counter for the model of this name."""


class EstimateTokenizer:
    """About how many tokens there are: one for every *chars_per_token* UTF-16 units, rounded up.

    It is the same everywhere, and what JavaScript estimates.
    """

    tokenizer: str = "estimate"

    def __init__(self, chars_per_token: float = 4, *, model: str = "estimate") -> None:
        is_number = type(chars_per_token) in (int, float)
        if not is_number or not 0 < chars_per_token < math.inf:
            raise ValidationError("chars_per_token must be greater than 0")
        self._chars_per_token = chars_per_token
        self.model: str = model

    def count(self, text: str, /) -> int:
        """How many tokens *text* has."""
        return self._tokens(units(text))

    def count_messages(self, messages: Iterable[Message | Mapping[str, Any]], /) -> int:
        """How many tokens *messages* have: their texts as one, and 3 for each and for the list."""
        counted = [units(text_of(one)) for one in messages]
        return self._tokens(sum(counted)) + TOKENS_A_MESSAGE * len(counted) + TOKENS_A_LIST

    def _tokens(self, number: int) -> int:
        if isinstance(self._chars_per_token, int):
            return -(-number // self._chars_per_token)
        return math.ceil(number / self._chars_per_token)


class CheckedCounter:
    """A function of a text or a counter, whose answers are looked at."""

    def __init__(self, counting: TokenCounter | Callable[[str], Any]) -> None:
        is_whole = hasattr(counting, "count_messages")
        self._count: Any = counting.count if is_whole else counting  # type: ignore[union-attr]
        self._count_messages: Any = getattr(counting, "count_messages", None)
        self.model: str = str(getattr(counting, "model", "unknown"))
        self.tokenizer: str = str(getattr(counting, "tokenizer", "function"))

    def count(self, text: str, /) -> int:
        """How many tokens *text* has."""
        return _number(self._count(text))

    def count_messages(self, messages: Iterable[Message | Mapping[str, Any]], /) -> int:
        """How many tokens *messages* have as a list."""
        if self._count_messages is not None:
            return _number(self._count_messages(messages))
        return summed(self.count, messages)


class TokenizerRegistry:
    """Who counts for which model: for the longest of the names it was told that the name of the
    model begins with, and an estimate where there is none."""

    def __init__(self, factories: Mapping[str, Factory] | None = None) -> None:
        self._factories: dict[str, Factory] = {}
        for name, factory in (factories or {}).items():
            self.register(name, factory)

    def register(self, model: str, factory: Factory) -> None:
        """Have *factory* make the counter of this *model*, and of those whose names begin so."""
        if not isinstance(model, str) or not model:
            raise ValidationError("the name of a model must be a text with something in it")
        if not callable(factory) or is_async(factory):
            raise ValidationError("what makes a counter must be a plain function of a name")
        self._factories[model] = factory

    @property
    def supported(self) -> tuple[str, ...]:
        """The names that it was told, in order."""
        return tuple(sorted(self._factories))

    def for_model(self, model: str) -> TokenCounter:
        """The counter for *model*."""
        if not isinstance(model, str):
            raise ValidationError(f"the name of a model must be a str, not {kind(model)}")
        factory = self._factories.get(beginning(model, self._factories))
        return EstimateTokenizer(model=model) if factory is None else factory(model)


def beginning(model: str, names: Iterable[str]) -> str:
    """The longest of *names* that *model* begins with, `""` where it begins with none; one that
    is fine-tuned, `ft:...`, also begins with what it was made of."""
    base = model.removeprefix("ft:")
    known = (name for name in names if model.startswith(name) or base.startswith(name))
    return max(known, key=lambda name: (model.startswith(name), len(name)), default="")


def counter_of(counting: object) -> TokenCounter:
    """What a user hands over to count with: a `TokenCounter`, or a plain function of a text."""
    is_whole = callable(getattr(counting, "count_messages", None))
    function = getattr(counting, "count", None) if is_whole else counting
    if not callable(function) or isinstance(counting, type):
        wanted = "a TokenCounter or a function of a text"
        raise ValidationError(f"token_counter must be {wanted}, not {kind(counting)}")
    if is_async(function):
        raise ValidationError("token_counter must be a plain function, not a coroutine function")
    if isinstance(counting, EstimateTokenizer | CheckedCounter):
        return counting
    return CheckedCounter(counting)  # type: ignore[arg-type]


def summed(count: Callable[[str], int], messages: Iterable[Message | Mapping[str, Any]]) -> int:
    """The tokens of *messages* as a list, by what *count* says of each of their texts."""
    counted = [count(text_of(one)) + TOKENS_A_MESSAGE for one in messages]
    return sum(counted) + TOKENS_A_LIST


def message_tokens(message: Message, counter: TokenCounter, image_token_cost: int = 0) -> int:
    """The tokens of *message*: those it is kept with, else those of its text and its images."""
    if message.token_count is not None:
        return message.token_count
    tokens = counter.count(text_of(message))
    return tokens + image_token_cost * images(message) if image_token_cost else tokens


def text_of(message: Message | Mapping[str, Any]) -> str:
    """All that counts of a message: its texts, the names and arguments of calls, and results."""
    one = _message(message)
    texts = [one.text]
    if one.metadata:
        for call in one.tool_calls:
            texts += (call.name, call.arguments)
        texts += [result.result for result in one.tool_results]
    return "".join(texts)


def images(message: Message | Mapping[str, Any]) -> int:
    """How many images are in a message."""
    return len(_blocks(_message(message), "image_url"))


def units(text: str) -> int:
    """The length of *text* as JavaScript tells it."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _message(given: Message | Mapping[str, Any]) -> Message:
    if isinstance(given, Message):
        return given
    told = members(given, "a message")
    text, metadata = content(told.get("content")), message_metadata(told.get("metadata"))
    return Message("", "", "user", text, None, None, metadata, _EPOCH)


def _blocks(message: Message, sort: str) -> list[dict[str, Any]]:
    if isinstance(message.content, str):
        return []
    return [one for one in message.content if one.get("type") == sort]


def _number(counted: object) -> int:
    if type(counted) is int and counted >= 0:
        return counted
    told = counted if type(counted) is int else kind(counted)
    raise ValidationError(f"token_counter must return an int of 0 or more, not {told}")
