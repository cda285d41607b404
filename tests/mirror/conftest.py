from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "mirror.py"


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def mirror() -> Iterator[ModuleType]:
    """The tool, loaded from its file: the checkout does not go on the path for it."""
    spec = importlib.util.spec_from_file_location("mirror_under_test", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def twin(mirror: ModuleType) -> Callable[..., str]:
    """The twin of a text without its first line; *twins* are the modules of the asyncio half."""

    def made(text: str, path: str = "storage/store.py", twins: tuple[str, ...] = ()) -> str:
        whole: str = mirror.mirror_text(f"{mirror.MARK}\n{text}", path, twins.__contains__)
        return whole.split("\n", 1)[1]

    return made


@pytest.fixture
def refused(mirror: ModuleType, twin: Callable[..., str]) -> Callable[..., list[str]]:
    """What is refused in a text, as `line: reason`; its first line counts as the second."""

    def found(text: str, **where: Any) -> list[str]:
        with pytest.raises(mirror.Refusal) as caught:
            twin(text, **where)
        refusals = [caught.value, *caught.value.more]
        return [f"{refusal.line}: {refusal.reason}" for refusal in refusals]

    return found
