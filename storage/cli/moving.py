"""`copy`, `dump` and `load`: whole stores on their way."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import Any

from ..conversation import Conversation
from ..core.lines import check_header
from ..core.moving import Existing
from ..dumps import name_of, reading
from ..errors import ConfigurationError
from ..moving import copy, dump, load
from ..opening import open as open_store
from ..store import Storage
from .bar import Bar, counted
from .places import a_file, opened, reported

_STREAM = "-"
_LONGEST_HEADER = 100


def add_command(commands: Any) -> None:
    """Add `copy`, `dump` and `load` to the command line."""
    parser = commands.add_parser("copy", help="copy all entries of a store into another one")
    parser.add_argument("source", metavar="SRC", help="the address of the store to read")
    parser.add_argument("target", metavar="DST", help="the address of the store to write to")
    parser.add_argument("--verify", action="store_true", help="compare all of it afterwards")
    _add_writing(parser)
    parser.set_defaults(run=run_copy)

    parser = commands.add_parser("dump", help="write all entries of a store as lines of JSON")
    parser.add_argument("store", metavar="URL", help="the address of the store")
    there = "where to write them (the standard output)"
    parser.add_argument("file", metavar="FILE", nargs="?", default=_STREAM, help=there)
    _add_conversations(parser)
    parser.set_defaults(run=run_dump)

    parser = commands.add_parser("load", help="put the entries of a dump into a store")
    parser.add_argument("store", metavar="URL", help="the address of the store")
    there = "what to read (the standard input)"
    parser.add_argument("file", metavar="FILE", nargs="?", default=_STREAM, help=there)
    _add_conversations(parser)
    _add_writing(parser)
    parser.set_defaults(run=run_load)


def _add_conversations(parser: Any) -> None:
    what = "the conversations in the store, and not its entries"
    parser.add_argument("--conversations", action="store_true", help=what)


def _add_writing(parser: Any) -> None:
    parser.add_argument("--keep", action="store_true", help="leave what is there already")
    ends = "let entries stay for ever where nothing expires"
    parser.add_argument("--drop-expiry", action="store_true", help=ends)


def run_copy(options: argparse.Namespace) -> int:
    """Copy one store into another."""
    with opened(options.source) as source, open_store(options.target) as target:
        total = counted(source)
        bar = Bar(total and total * (1 + options.verify))
        return reported(
            lambda: copy(
                source,
                target,
                verify=options.verify,
                existing="keep" if options.keep else "replace",
                drop_expiry=options.drop_expiry,
                progress=bar.show,
            ),
            bar,
            "copied",
        )


def run_dump(options: argparse.Namespace) -> int:
    """Dump a store to a file, which is there when all of it is."""
    is_stream = options.file == _STREAM
    path = options.file if is_stream else str(a_file(options.file))
    with opened(options.store) as store:
        file = sys.stdout.buffer if is_stream else path
        out = sys.stderr if is_stream else sys.stdout
        if options.conversations:
            bar, talks = Bar(noun="messages"), _conversations(store)
            work = partial(talks.dump, file, on_corrupt="skip", progress=bar.show)
        else:
            bar = Bar(counted(store))
            work = partial(dump, store, file, progress=bar.show)
        code = reported(work, bar, "dumped", out)
    if is_stream:
        sys.stdout.flush()
    return code


def run_load(options: argparse.Namespace) -> int:
    """Load a dump into a store."""
    if options.conversations and options.drop_expiry:
        raise ConfigurationError("--drop-expiry is for entries, and these are conversations")
    path = options.file if options.file == _STREAM else str(a_file(options.file))
    with reading(sys.stdin.buffer if path == _STREAM else path) as file:
        if not options.conversations:
            _check_begin(file)
        with open_store(options.store) as store:
            return _loaded(store, file, options)


def _check_begin(file: Any) -> None:
    """Refuse what is no dump before there is a store for it."""
    begin, end, _ = file.peek().partition(b"\n")
    if end or not begin or len(begin) > _LONGEST_HEADER:
        check_header(begin, name_of(file))


def _loaded(store: Storage[Any], file: Any, options: argparse.Namespace) -> int:
    existing: Existing = "keep" if options.keep else "replace"
    if options.conversations:
        bar, talks = Bar(noun="messages"), _conversations(store)
        work = partial(talks.load, file, existing=existing, progress=bar.show)
    else:
        bar, ends = Bar(), options.drop_expiry
        work = partial(load, store, file, existing=existing, drop_expiry=ends, progress=bar.show)
    return reported(work, bar, "loaded")


def _conversations(store: Storage[Any]) -> Conversation:
    """The conversations of *store*, of which everything stays."""
    return Conversation(store, max_messages=None, on_orphan="keep")
