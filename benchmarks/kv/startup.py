"""What `import storage` costs in an interpreter that has done nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from ..harness import Sample, Variant, measure, spread, typical
from ..report import Report, Row, Target
from .settings import Settings

_ENDING = "; import time; print(time.process_time())"
_HEAVY = ("redis", "asyncio", "sqlite3", "cachetools", "msgspec", "typing_extensions")
_LISTED = 8


def startup(report: Report, chosen: Settings) -> None:
    """Fresh interpreters with the import and without."""
    variants = {"ours": _interpreter("import storage"), "base": _interpreter("pass")}
    samples = measure(variants, max(15, chosen.some(31)))
    pairs = list(zip(samples["ours"], samples["base"]))
    over = spread([(one.cpu - other.cpu) * 1000 for one, other in pairs])
    wall = spread([(one.wall - other.wall) * 1000 for one, other in pairs])
    report.add(
        Row(
            "import, CPU over a bare interpreter",
            variants["ours"].text,
            variants["base"].text,
            over,
            Target(25, " ms"),
            (typical(samples["ours"]), typical(samples["base"])),
            [f"{wall.median:.1f} ms ({wall.low:.1f}..{wall.high:.1f}) on the wall", _loaded()],
            unit=" ms",
        )
    )
    if chosen.importtime:
        report.say("\n".join(f"    {line}" for line in _dearest()))


def _interpreter(code: str) -> Variant:
    def run(number: int) -> Sample:
        wall = time.perf_counter()
        cpu = float(_python("-c", code + _ENDING).stdout)
        return Sample(cpu, time.perf_counter() - wall)

    return Variant(f'python -c "{code}"', run)


def _loaded() -> str:
    code = f"import sys, storage; print(*[m for m in {_HEAVY!r} if m in sys.modules])"
    loaded = _python("-c", code).stdout.split()
    absent = [name for name in _HEAVY if name not in loaded]
    return f"imported: {', '.join(loaded) or 'none'}; not: {', '.join(absent) or 'none'}"


def _dearest() -> list[str]:
    """The modules that take longest by themselves, as `-X importtime` tells."""
    found = []
    for line in _python("-X", "importtime", "-c", "import storage").stderr.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        if own.strip().isdigit():
            found.append((int(own), rest.partition("|")[2].strip()))
    return [f"{own / 1000:6.2f} ms  {name}" for own, name in sorted(found, reverse=True)[:_LISTED]]


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter, which may keep what it compiles."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True, env=kept
    )
