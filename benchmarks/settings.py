"""What the command line says of every benchmark: how much to run, with which values and codec."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from storage import Codec, FastJsonCodec
from storage.codecs import JSON

from .load import SIZES, Size

ROUNDS, QUICK_ROUNDS = 31, 7


def codec_named(name: str) -> Codec:
    """The codec that both sides use."""
    return JSON if name == "json" else FastJsonCodec()


class Settings:
    """*options*, with what follows from them."""

    def __init__(self, options: argparse.Namespace) -> None:
        every = list(SIZES)[:1] if options.quick else list(SIZES)
        wanted = [options.value] if options.value else every
        self.quick: bool = options.quick
        self.rounds: int = options.rounds or (QUICK_ROUNDS if self.quick else ROUNDS)
        self.codec_name: str = options.codec
        self.codec: Codec = codec_named(self.codec_name)
        self.sizes: Sequence[Size] = [SIZES[name]() for name in wanted]

    def some(self, rounds: int) -> int:
        """At most so many rounds, for what takes long; a quarter of that when it must be quick."""
        return min(self.rounds, max(2, rounds // 4) if self.quick else rounds)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of every benchmark."""
    parser.add_argument("--rounds", type=_positive, help=f"rounds of a case (default {ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, small records")
    parser.add_argument("--strict", action="store_true", help="exit with 1 on a missed target")
    parser.set_defaults(value=None, codec="json")


def add_value_options(parser: argparse.ArgumentParser) -> None:
    """The options of benchmarks that write values."""
    parser.add_argument("--value", choices=list(SIZES), help="records of one size only")
    parser.add_argument("--codec", choices=["json", "fast"], default="json")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one round")
    return number
