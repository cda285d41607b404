"""Counters of tokens for models that others made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..core.dialog.records import Message
from ..core.dialog.tokens import (
    ENCODINGS,
    EstimateTokenizer,
    TokenCounter,
    TokenizerRegistry,
    beginning,
    summed,
)
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from tiktoken import Encoding

_DEFAULT = "cl100k_base"
"""How a model counts that nobody knows of."""


class TiktokenTokenizer:
    """Counts tokens as OpenAI's models do, with tiktoken.

    What tiktoken knows of a *model* it fetches once and keeps in a folder of its own; an *encoding*
    that is handed over is used as it is. What looks like a special token in a text is a text.
    """

    def __init__(self, model: str = "gpt-4o", *, encoding: Encoding | None = None) -> None:
        self._encoding: Encoding = _encoding(model) if encoding is None else encoding
        self.model: str = model

    @property
    def tokenizer(self) -> str:
        """The name of the encoding."""
        return self._encoding.name

    def count(self, text: str, /) -> int:
        """How many tokens *text* has."""
        return len(self._encoding.encode(text, disallowed_special=()))

    def count_messages(self, messages: Iterable[Message | Mapping[str, Any]], /) -> int:
        """How many tokens *messages* have: their texts, and 3 for each and for the list."""
        return summed(self.count, messages)


def tokenizers() -> TokenizerRegistry:
    """Who counts for which model: tiktoken for OpenAI's where it is installed, else an estimate.

    More can be registered with what is returned, which is another one each time.
    """
    registry = TokenizerRegistry({"claude": lambda model: EstimateTokenizer(model=model)})
    for name in ENCODINGS:
        registry.register(name, _openai)
    return registry


def _openai(model: str) -> TokenCounter:
    is_there = find_spec("tiktoken") is not None
    return TiktokenTokenizer(model) if is_there else EstimateTokenizer(model=model)


def _encoding(model: str) -> Encoding:
    """The encoding of a *model*, which may have to be fetched."""
    try:
        import tiktoken
    except ImportError:
        message = "TiktokenTokenizer needs tiktoken: pip install 'chatstorage[tiktoken]'"
        raise ConfigurationError(message) from None
    try:
        name = tiktoken.encoding_name_for_model(model.removeprefix("ft:"))
    except KeyError:
        name = ENCODINGS.get(beginning(model, ENCODINGS), _DEFAULT)
    try:
        return tiktoken.get_encoding(name)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"tiktoken can not load the encoding {name}") from error
