"""The command line: `python -m storage COMMAND`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..errors import StorageError
from . import demo


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did its work, 1 when a store could not, 2 for wrong words."""
    parser = argparse.ArgumentParser(prog="python -m storage", description=__doc__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    demo.add_command(commands)
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
    except StorageError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    return code
