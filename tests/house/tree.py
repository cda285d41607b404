"""The checkout as text and as syntax trees: nothing here imports the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "storage"


@dataclass(frozen=True)
class Import:
    """One module that a module imports; *module* is named from the package when it is inside."""

    line: int
    module: str
    inside: bool


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    path: Path

    @property
    def parts(self) -> tuple[str, ...]:
        """`storage/redis/kv.py` is `("redis", "kv")`, the package itself is `()`."""
        inner = self.path.relative_to(PACKAGE).with_suffix("").parts
        return inner[:-1] if inner[-1] == "__init__" else inner

    @property
    def name(self) -> str:
        return ".".join(self.parts)

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @property
    def package(self) -> tuple[str, ...]:
        return self.parts if self.path.name == "__init__.py" else self.parts[:-1]

    def imports(self) -> Iterator[Import]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (Import(node.lineno, alias.name, False) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from self._from(node)

    def _from(self, node: ast.ImportFrom) -> Iterator[Import]:
        if not node.level:
            yield Import(node.lineno, node.module or "", False)
            return
        base = self.package[: len(self.package) + 1 - node.level]
        if node.module:
            yield Import(node.lineno, ".".join([*base, *node.module.split(".")]), True)
            return
        for alias in node.names:
            yield Import(node.lineno, ".".join([*base, alias.name]), True)


def modules() -> list[Module]:
    return [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]
