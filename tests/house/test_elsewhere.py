"""The package away from its checkout: vendored, installed from the wheel, imported alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import cachetools
import pytest

import storage
from tests.house.tree import PACKAGE, ROOT

SCRIPT = Path(__file__).with_name("first_steps.py")

WHEEL_ENVIRONMENTS = ("main", "coverage", "lowest", "nightly")

NOT_IMPORTED = {"asyncio", "hiredis", "httpx", "msgspec", "pathlib", "pydantic", "redis", "sqlite3"}
"""What `import storage` leaves to those who use it."""


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout.strip()


def files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder).as_posix() for path in found}


def bring_cachetools(folder: Path) -> None:
    """The one dependency that memory and SQLite have, and nothing else of this environment."""
    here = Path(cachetools.__file__).parent
    shutil.copytree(here, folder / "cachetools", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tracked: list[Path]) -> Path:
    """Built from a copy of the project's files: leftovers of the checkout do not help."""
    copy = tmp_path_factory.mktemp("project")
    for path in tracked:
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", "out", folder=copy)
    return copy / "out"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """Built from the source archive, as an installer does."""
    (path,) = built.glob("*.whl")
    return path


def test_what_is_tested_is_what_is_here() -> None:
    """A module that was taken away may live on in `build/`, and from there in the wheel."""
    assert files(Path(storage.__file__).parent) == files(PACKAGE)


def test_tox_tests_the_wheel_and_not_the_checkout() -> None:
    in_place = Path(storage.__file__).parent == PACKAGE

    assert not (in_place and os.environ.get("TOX_ENV_NAME") in WHEEL_ENVIRONMENTS)


def test_the_source_archive_holds_the_project(built: Path, tracked: list[Path]) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    ours = {path.relative_to(ROOT).as_posix() for path in tracked} - {".gitignore"}
    assert sorted(ours - names) == []


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    inside = {name for name in names if ".dist-info/" not in name}

    assert sorted(inside) == sorted(f"storage/{name}" for name in files(PACKAGE))
    assert "storage/py.typed" in inside
    assert [name for name in names if name.endswith("/LICENSE")]


def test_the_wheel_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", "--without-pip", "fresh", folder=tmp_path)
    python = next(path for path in tmp_path.glob("fresh/*/python*") if path.stem == "python")
    site = Path(run(python, "-c", "import site; print(site.getsitepackages()[0])", folder=tmp_path))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    bring_cachetools(site)
    (tmp_path / "elsewhere").mkdir()

    imported = run(python, "-I", SCRIPT, "storage", tmp_path, folder=tmp_path / "elsewhere")

    assert Path(imported).resolve() == (site / "storage" / "__init__.py").resolve()


def test_the_package_works_vendored_under_another_name(tmp_path: Path) -> None:
    """Without site-packages: no redis, no msgspec, no metadata of a distribution."""
    vendored = tmp_path / "vendor" / "mybot_storage"
    shutil.copytree(PACKAGE, vendored, ignore=shutil.ignore_patterns("__pycache__"))
    bring_cachetools(tmp_path)

    python = (sys.executable, "-I", "-S")
    imported = run(*python, SCRIPT, "vendor.mybot_storage", tmp_path, folder=tmp_path)

    assert Path(imported) == vendored / "__init__.py"


def test_an_import_brings_only_what_it_needs() -> None:
    program = "import sys; old = set(sys.modules); import storage; print(*set(sys.modules) - old)"
    imported = run(sys.executable, "-I", "-c", program, folder=ROOT.parent).split()

    assert "storage.store" in imported
    assert not NOT_IMPORTED & set(imported)
