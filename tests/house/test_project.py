"""What the project says about itself in several places, and what it must not say."""

from __future__ import annotations

import configparser
import re
from importlib.metadata import metadata
from pathlib import Path

import pytest

import storage
from tests.house.tree import ROOT

CONFIG = configparser.ConfigParser(interpolation=None)
CONFIG.read([ROOT / "setup.cfg", ROOT / "tox.ini"], encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

MACHINE = re.compile(r"(?<![\w.])/(?:root|home|Users|work|opt|mnt|srv)/\w")
"""A folder of somebody's machine."""

REGISTRY = re.compile(
    r"index[-_]url|find[-_]links|registry\s*=\s*http|/simple/|\bpypi\.(?!org/project/)[a-z]"
)
"""Where packages come from is a matter of the machine; the page of one may be linked to."""

SAYS_SO = Path(__file__)
"""The one file that has to spell what it looks for."""


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def targets(page: Path) -> list[str]:
    """The files that a page links to."""
    found = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    return [target for target in found if "://" not in target]


def pythons() -> list[str]:
    """The Pythons that we promise, as the metadata lists them."""
    listed = lines(CONFIG["metadata"]["classifiers"])
    return re.findall(r"Python :: (3\.\d+)", "\n".join(listed))


def test_the_version_has_a_section_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.search(rf"^## \[{re.escape(storage.__version__)}\] - ", changelog, re.MULTILINE)
    assert "## [Unreleased]" in changelog


def test_the_version_is_a_literal() -> None:
    """It is read from the text when a wheel is built, where nothing can be imported yet."""
    text = (ROOT / "storage" / "__init__.py").read_text(encoding="utf-8")

    assert f'__version__ = "{storage.__version__}"' in text


def test_the_installed_metadata_is_what_the_package_says() -> None:
    installed = metadata("chatstorage")

    assert installed["Version"] == storage.__version__
    assert installed["Requires-Python"] == f">={pythons()[0]}"


def test_the_first_python_is_the_same_everywhere() -> None:
    oldest = pythons()[0]
    short = oldest.replace(".", "")

    assert CONFIG["mypy"]["python_version"] == oldest
    assert f'target-version = "py{short}"' in (ROOT / "ruff.toml").read_text(encoding="utf-8")
    assert f'"pythonVersion": "{oldest}"' in (ROOT / "pyrightconfig.json").read_text("utf-8")
    assert f"Python {oldest}" in README


def test_every_promised_python_is_tested() -> None:
    environments = lines(CONFIG["tox"]["env_list"])

    tested = [name for name in environments if name.startswith("py")]
    assert tested == [f"py{version.replace('.', '')}" for version in pythons()]


@pytest.mark.parametrize("command", ["pip install . && python -m storage demo", "tox"])
def test_the_readme_has_the_commands(command: str) -> None:
    assert re.search(rf"^\s*\$? ?.*{re.escape(command)}$", README, re.MULTILINE)


def test_the_readme_names_the_distribution() -> None:
    assert f"# {CONFIG['metadata']['name']}\n" in README


def test_what_the_pages_link_to_is_there(tracked: list[Path]) -> None:
    pages = (path for path in tracked if path.suffix == ".md")
    links = ((page, target) for page in pages for target in targets(page))
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page, target in links
        if not (page.parent / target).exists()
    ]

    assert not broken


@pytest.mark.parametrize("pattern", [MACHINE, REGISTRY], ids=["machine", "registry"])
def test_no_file_knows_the_machine_it_was_written_on(
    tracked: list[Path], pattern: re.Pattern[str]
) -> None:
    found = []
    for path in tracked:
        if path == SAYS_SO:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")

    assert not found


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE, "cd /home/ann/bot"),
        (MACHINE, "path = '/Users/ann'"),
        (REGISTRY, "pip install --index-url http://mirror"),
        (REGISTRY, "https://pypi.example/simple/"),
    ],
)
def test_the_patterns_find_what_they_look_for(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)
