"""The command line: `python -m storage COMMAND`."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from ..errors import StorageError
from . import demo, moving, upgrading

_LOGIN: Final = re.compile(r"//.*@")

INTERRUPTED = 130
"""The exit code of a command that was told to end, as shells have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did its work, 1 when a store could not, 2 for wrong words, 130
    when it was interrupted."""
    parser = _Parser(prog="python -m storage", description=__doc__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for part in (demo, moving, upgrading):
        part.add_command(commands)
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
    except StorageError as error:
        return _failed(f"{parser.prog}: {error}")
    except BrokenPipeError:
        # Who read the output has gone; Python would complain of it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _failed(f"{parser.prog}: nobody reads the output any more")
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        return _failed(f"{parser.prog}: {where}{error.strerror or type(error).__name__}")
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


class _Parser(argparse.ArgumentParser):
    """A parser that shows no password of an address that stands in the wrong place."""

    def error(self, message: str) -> NoReturn:
        super().error(_masked(message))


def _masked(message: str) -> str:
    """*message*, without who logs in and how."""
    return _LOGIN.sub("//***@", message)


def _failed(message: str) -> int:
    print(_masked(message), file=sys.stderr)
    return 1
