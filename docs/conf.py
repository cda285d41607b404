"""How the documentation is built: `tox -e docs`."""

from __future__ import annotations

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
    "DefaultTtl",
    "DumpFile",
    "Durability",
    "LayerTtl",
    "Existing",
    "LayoutName",
    "OnCorrupt",
    "OnExisting",
    "OnError",
    "OnNewer",
    "Place",
    "Progress",
    "Reach",
    "RedisPlace",
    "Secrets",
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
                *(r"\w+Options", "SessionSettings", "TResponseInputItem"),
            )
        ),
    ),
    ("py:class", r"(storage\.\w+\.)?[A-Z]"),
    ("py:class", r"storage\.(aio\.)?[a-z.]+\.\w+"),
    ("py:class", r"(collections|contextlib|datetime|enum|os|sqlite3|types|typing)\..*"),
]
