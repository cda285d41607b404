"""How the documentation is built: `tox -e docs`."""

from __future__ import annotations

from typing import Any

import storage

project = "chatstorage"
author = "The chatstorage authors"
copyright = f"2026, {author}"
version = release = storage.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"chatstorage {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

add_module_names = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
# Said by their names: what they stand for would fill a line each.
aliases = (
    "Adaptable",
    "Clock",
    "Content",
    "DefaultTtl",
    "DumpFile",
    "Durability",
    "Existing",
    "Filters",
    "Health",
    "LayerTtl",
    "LayoutName",
    "MessageOptions",
    "OnCorrupt",
    "OnError",
    "OnExisting",
    "OnNewer",
    "Order",
    "OrderBy",
    "Overflow",
    "ParticipantRole",
    "Place",
    "Progress",
    "Reach",
    "RedisPlace",
    "Role",
    "Secrets",
    "Severity",
    "Status",
    "Ttl",
)
autodoc_type_aliases = {name: name for name in aliases}

# In a signature stand words that have no page: aliases, type variables, the standard library, and
# what lives in modules that nobody imports by name. A test sees to it that public names have one.
nitpick_ignore_regex = [
    (
        "py:class",
        "|".join(
            (
                *(*aliases, "TypeAliasForwardRef", "datetime", "KeyParts", "Descriptor"),
                *(r"\w+Options", "SessionSettings", "TResponseInputItem", "Encoding", "Summarizer"),
            )
        ),
    ),
    ("py:class", r"(storage\.[\w.]+\.)?[A-Z]"),
    ("py:class", r"storage\.(aio\.)?[a-z.]+\.\w+"),
    ("py:class", r"(collections|contextlib|datetime|enum|logging|os|sqlite3|types|typing)\..*"),
]


def only_what_is_said(
    app: object, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Leave out what `NamedTuple` says of a field that nobody has described."""
    if what == "attribute" and lines and lines[0].startswith("Alias for field number"):
        lines.clear()


def setup(app: Any) -> None:
    """What Sphinx is told of this file."""
    app.connect("autodoc-process-docstring", only_what_is_said)
