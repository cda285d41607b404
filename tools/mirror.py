"""Write the asyncio twin of each blocking module that asks for one.

    python tools/mirror.py            write the twins that differ
    python tools/mirror.py --check    write nothing, exit 1 when a twin is not up to date

`storage/store.py` becomes `storage/aio/store.py`, line for line. The tool inserts `async` and
`await`, leads relative imports to the right place, and renames the few names of `RENAMES`.

How to write a module that can be mirrored:

* Its first line is `# Mirrored: tools/mirror.py writes the asyncio twin of this module.`
* I/O is a call through a door, `self._backend.read(key)` (the names are `DOORS`), or a call of
  `self.method()` or `function()` of the same module that does I/O itself. Whatever does I/O
  becomes `async def`, and so do its overloads, the methods that it overrides and those that
  override it. `close`, `__enter__` and `__exit__` always do, and so do the methods of a Protocol.
* Bind a reply to a name before you read it: `reply = self._backend.read(key)`, then `reply.raw`.
* `for` over a door call or an iterator method becomes `async for`; a list that a door returns is
  bound to a name first. `with` over a door call becomes `async with`.
* A method that yields and does I/O becomes an async generator. A method that only returns an
  iterator stays plain: it returns a call of an iterator method, or it is annotated with
  `Iterator` and returns a door call. `AbstractContextManager` works likewise.
* No I/O in a lambda, comprehension, f-string, nested function, default, decorator, property,
  static or class method, or dunder. No `yield from` over I/O, no `yield` under a `with` over a
  door, no I/O method handed around uncalled.
* No `threading`, `asyncio` or `time`, and no import of the package by its own name.

A base class in another module is not looked at: what it does is reached through a door.
Lines end in `\\n`. What the tool cannot colour it refuses, with a line number.
"""

from __future__ import annotations

import argparse
import ast
import io
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

PACKAGE = "storage"
HALF = "aio"
MARK = "# Mirrored: tools/mirror.py writes the asyncio twin of this module."
WRITTEN = "# Written by tools/mirror.py from "

DOORS = frozenset(
    {
        *("_backend", "_door", "_keys", "_store", "_runtime", "_room", "_leases"),
        *("_finder", "_links", "_waits", "_watch", "_lookup", "_walks"),
        *("_primary", "_standby", "_sweeper", "_visits", "_lease", "_seat"),
        *("_local", "_guard", "_limiter", "_tally", "_amends", "_copies", "_ids"),
        *(
            "_adapter",
            "_events",
            "_contexts",
            "_periodic",
            "_telling",
            "_messaging",
            "_deciding",
            "_files",
            "_service",
            "_notes",
        ),
    }
)
RENAMES = {
    "close": "aclose",
    "__enter__": "__aenter__",
    "__exit__": "__aexit__",
    "Iterator": "AsyncIterator",
    "AbstractContextManager": "AbstractAsyncContextManager",
}
ALWAYS_AWAITED = frozenset({"close", "__enter__", "__exit__"})
BEHIND_DOORS = frozenset({"threading", "asyncio", "time"})

BIND = "bind what I/O returned to a name first"
NO_YIELD_FROM = "no yield from over I/O: write a for with a yield"
NO_OTHER = "what returns an iterator or a context manager does no other I/O"
UNCALLED = "{} does I/O: call it here, do not hand it around"
STRAY: dict[type[ast.AST], str] = {
    ast.Lambda: "no I/O in a lambda: write a method",
    ast.ListComp: "no I/O in a comprehension: write a for",
    ast.SetComp: "no I/O in a comprehension: write a for",
    ast.DictComp: "no I/O in a comprehension: write a for",
    ast.GeneratorExp: "no I/O in a generator expression: write a for",
    ast.YieldFrom: NO_YIELD_FROM,
    ast.JoinedStr: "no I/O in an f-string: bind the reply to a name first",
    ast.ClassDef: "no I/O in a class statement: write a method",
    ast.Module: "no I/O while a module is imported: write a function",
}
AROUND_A_FUNCTION = {
    "args": "no I/O in a default argument: do it in the body",
    "decorator_list": "no I/O in a decorator: do it in the body",
    "returns": "no I/O in an annotation",
}
PROPERTY = "no I/O in a property: write a method"
UNBOUND = "no I/O in a static or class method: write a method of the instance"
FIXED = {
    "property": PROPERTY,
    "cached_property": PROPERTY,
    "setter": PROPERTY,
    "getter": PROPERTY,
    "deleter": PROPERTY,
    "staticmethod": UNBOUND,
    "classmethod": UNBOUND,
    "contextmanager": "no I/O under contextmanager: write a class with __enter__ and __exit__",
}
ASYNC_NODES = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


class Refusal(Exception):
    """A place that cannot be mirrored; *more* are the others of the same file."""

    def __init__(self, path: str, line: int, reason: str, more: Sequence[Refusal] = ()) -> None:
        super().__init__(path, line, reason)
        self.path = path
        self.line = line
        self.reason = reason
        self.more = tuple(more)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


class Colour(Enum):
    """What a call needs in the twin; a door call needs what its place says."""

    PLAIN = "nothing"
    AWAITED = "await"
    ITERATED = "async for"
    ENTERED = "async with"
    DOOR = "any of them"


HANDLES = {"Iterator": Colour.ITERATED, "AbstractContextManager": Colour.ENTERED}
ELSEWHERE = {
    Colour.ITERATED: "an iterator of I/O stands only in a plain for or alone in a return",
    Colour.ENTERED: "a context manager of I/O stands only in a with or alone in a return",
}


# --- Reading the tree -------------------------------------------------------------------------


def base_name(node: ast.expr | None) -> str:
    """The last name of `Name`, `module.Name` or either with a subscript, else nothing."""
    if isinstance(node, ast.Subscript):
        return base_name(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def decorators(function: ast.FunctionDef) -> list[str]:
    return [
        base_name(node.func if isinstance(node, ast.Call) else node)
        for node in function.decorator_list
    ]


def fixed(function: ast.FunctionDef) -> str | None:
    """Why the decorators of a function keep it from doing I/O."""
    return next((FIXED[name] for name in decorators(function) if name in FIXED), None)


def is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def is_door(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in DOORS


def is_self(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return base_name(node.func) == "super"
    return isinstance(node, ast.Name) and node.id == "self"


def members(node: ast.AST) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """What a module or class defines, also under an `if` or a `try`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
            yield child
        elif isinstance(child, (ast.If, ast.Try, ast.ExceptHandler)):
            yield from members(child)


def own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes that run when the function does, in no particular order."""
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, SCOPES):
            todo.extend(ast.iter_child_nodes(node))


def place_of(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 1), getattr(node, "col_offset", 0)


class Routine:
    """One name of one scope; its overloads and overrides share it, and a colour."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[ast.FunctionDef] = []
        self.colour = Colour.PLAIN


def is_coloured(routine: Routine | None) -> bool:
    return routine is not None and routine.colour is not Colour.PLAIN


class Outline:
    """What a module defines, and what stands inside what."""

    def __init__(self, tree: ast.Module) -> None:
        self.nodes = list(ast.walk(tree))
        self.parents = {
            child: (parent, field)
            for parent in self.nodes
            for field, value in ast.iter_fields(parent)
            for child in (value if isinstance(value, list) else [value])
            if isinstance(child, ast.AST)
        }
        self.functions: dict[str, Routine] = {}
        self.classes: dict[str, dict[str, Routine]] = {}
        self.bases: dict[str, list[str]] = {}
        self.definitions: set[ast.ClassDef] = set()
        for member in members(tree):
            self._add(member)

    def _add(self, member: ast.FunctionDef | ast.ClassDef) -> None:
        if isinstance(member, ast.ClassDef):
            self._add_class(member)
        else:
            routine = self.functions.setdefault(member.name, Routine(member.name))
            routine.nodes.append(member)

    def _add_class(self, definition: ast.ClassDef) -> None:
        name = definition.name
        bases = [base_name(base) for base in definition.bases]
        self.bases[name] = [base for base in bases if base in self.classes and base != name]
        self.classes.setdefault(name, {})
        self.definitions.add(definition)
        for member in members(definition):
            if isinstance(member, ast.FunctionDef):
                self._add_method(name, member)

    def _add_method(self, owner: str, function: ast.FunctionDef) -> None:
        routine = self.method(owner, function.name) or Routine(function.name)
        routine.nodes.append(function)
        self.classes[owner][function.name] = routine
        for base in self.bases[owner]:
            self._join(routine, self.method(base, function.name))

    def _join(self, routine: Routine, other: Routine | None) -> None:
        if other is None or other is routine:
            return
        routine.nodes += other.nodes
        for methods in self.classes.values():
            if methods.get(other.name) is other:
                methods[other.name] = routine

    def routines(self) -> list[Routine]:
        found = dict.fromkeys(self.functions.values())
        for methods in self.classes.values():
            found.update(dict.fromkeys(methods.values()))
        return list(found)

    def method(self, owner: str, name: str) -> Routine | None:
        """A method of a class or of its bases in this module."""
        own = self.classes[owner].get(name)
        if own is not None:
            return own
        found = (self.method(base, name) for base in self.bases[owner])
        return next((routine for routine in found if routine is not None), None)

    def routine(self, node: ast.AST) -> Routine | None:
        """The routine that `self.name`, `super().name` or a bare `name` means."""
        if isinstance(node, ast.Name):
            return self.functions.get(node.id)
        if isinstance(node, ast.Attribute) and is_self(node.value):
            owner = self.owner(node)
            return None if owner is None else self.method(owner, node.attr)
        return None

    def unbound(self, node: ast.Attribute) -> Routine | None:
        """The routine that `cls.name` or `Class.name` means."""
        if not isinstance(node.value, ast.Name):
            return None
        name = self.owner(node) or "" if node.value.id == "cls" else node.value.id
        return self.method(name, node.attr) if name in self.classes else None

    def around(self, node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
        """What a node stands in, from the inside out, with the field that leads to it."""
        while node in self.parents:
            parent, field = self.parents[node]
            yield parent, field
            node = parent

    def owner(self, node: ast.AST) -> str | None:
        """The name of the class around a node, unless that class is itself nested."""
        nearest = self._class(node)
        return nearest.name if nearest and nearest in self.definitions else None

    def _class(self, node: ast.AST) -> ast.ClassDef | None:
        found = (outer for outer, _ in self.around(node) if isinstance(outer, ast.ClassDef))
        return next(found, None)

    def function(self, node: ast.AST) -> ast.FunctionDef | None:
        found = (outer for outer, _ in self.around(node) if isinstance(outer, ast.FunctionDef))
        return next(found, None)

    def field(self, node: ast.AST) -> str:
        return self.parents[node][1] if node in self.parents else ""

    def in_protocol(self, function: ast.FunctionDef) -> bool:
        outer = self._class(function)
        return outer is not None and "Protocol" in map(base_name, outer.bases)


# --- Deciding the colours ---------------------------------------------------------------------


class Palette:
    """The colour of every routine and call of a module."""

    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self._routines = {
            function: routine for routine in outline.routines() for function in routine.nodes
        }
        self._own = {function: list(own_nodes(function)) for function in self._routines}
        while any([self._repaint(routine) for routine in outline.routines()]):  # noqa: C419 - all
            pass

    def _repaint(self, routine: Routine) -> bool:
        before = routine.colour
        seen = {self.judge(function) for function in routine.nodes} - {Colour.PLAIN}
        if seen:
            routine.colour = seen.pop() if len(seen) == 1 else Colour.AWAITED
        return routine.colour is not before

    def judge(self, function: ast.FunctionDef) -> Colour:
        """The colour that one definition asks for by itself."""
        uses = self.uses(function)
        if fixed(function):
            return Colour.AWAITED if uses else Colour.PLAIN
        if self.yields(function):
            return Colour.ITERATED if uses else Colour.PLAIN
        if base_name(function.returns) in HANDLES:
            return HANDLES[base_name(function.returns)]
        if function.name in ALWAYS_AWAITED or self.outline.in_protocol(function):
            return Colour.AWAITED
        return self._by_uses(uses)

    def _by_uses(self, uses: Sequence[ast.AST]) -> Colour:
        if not uses:
            return Colour.PLAIN
        kinds = {self.kind(use) if self.returned(use) else Colour.AWAITED for use in uses}
        colour = kinds.pop()
        return colour if not kinds and colour in HANDLES.values() else Colour.AWAITED

    def known(self, function: ast.FunctionDef) -> bool:
        """Whether a function stands in the module or in one of its classes."""
        return function in self._routines

    def around(self, node: ast.AST) -> ast.FunctionDef | None:
        """The known function around a node."""
        function = self.outline.function(node)
        return function if function in self._routines else None

    def colour(self, function: ast.FunctionDef) -> Colour:
        return self._routines[function].colour

    def hands_on(self, node: ast.AST) -> Colour | None:
        """What the plain method around a node hands on: iterators, context managers or nothing."""
        function = self.around(node)
        if function is None or self.yields(function):
            return None
        return self.colour(function) if self.colour(function) in HANDLES.values() else None

    def uses(self, function: ast.FunctionDef) -> list[ast.AST]:
        """The I/O of a function's own body, in the order of the text."""
        found = [node for node in self._own[function] if self.kind(node) is not Colour.PLAIN]
        return sorted(found, key=place_of)

    def yields(self, function: ast.FunctionDef) -> list[ast.Yield | ast.YieldFrom]:
        nodes = self._own[function]
        return [node for node in nodes if isinstance(node, (ast.Yield, ast.YieldFrom))]

    def returned(self, node: ast.AST) -> bool:
        return isinstance(self.outline.parents[node][0], ast.Return)

    def kind(self, node: ast.AST) -> Colour:
        if isinstance(node, ast.Call):
            return self._call_kind(node)
        held = is_door(node) and self.outline.field(node) == "context_expr"
        return Colour.DOOR if held else Colour.PLAIN

    def _call_kind(self, call: ast.Call) -> Colour:
        if isinstance(call.func, ast.Attribute) and is_door(call.func.value):
            return Colour.DOOR
        if self.outline.field(call) == "context_expr" and self._opens(call.func):
            return Colour.ENTERED
        routine = self.outline.routine(call.func)
        return routine.colour if routine else Colour.PLAIN

    def _opens(self, node: ast.expr) -> bool:
        """Whether a name is a class of this module that can stand in a `with`."""
        name = node.id if isinstance(node, ast.Name) else ""
        known = name in self.outline.classes
        return known and self.outline.method(name, "__enter__") is not None

    def enters(self, item: ast.withitem) -> bool:
        return self.kind(item.context_expr) in (Colour.DOOR, Colour.ENTERED)


# --- Editing the text -------------------------------------------------------------------------


class Text:
    """A source and the edits to it, told by line and character."""

    def __init__(self, source: str) -> None:
        self.lines = source.split("\n")
        self._edits: list[tuple[int, int, int, str]] = []
        self._tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))

    def before(self, node: ast.AST, text: str) -> None:
        self._edits.append((*self._position(node), 0, text))

    def after_dots(self, node: ast.ImportFrom, text: str) -> None:
        """Insert *text* behind the leading dots of a relative import."""
        start = (self._position(node), "from")
        index = [(token.start, token.string) for token in self._tokens].index(start) + 1
        while set(self._tokens[index + 1].string) == {"."}:
            index += 1
        self._edits.append((*self._tokens[index].end, 0, text))

    def rename(self) -> None:
        depth = 0
        for token in self._tokens:
            depth += fstring_step(token)
            if token.type == tokenize.NAME and token.string in RENAMES and not depth:
                edit = (*token.start, len(token.string), RENAMES[token.string])
                self._edits.append(edit)

    def first_line(self, text: str) -> None:
        self._edits.append((1, 0, len(self.lines[0]), text))

    def edited(self) -> str:
        lines = list(self.lines)
        for line, column, length, text in sorted(self._edits, reverse=True):
            old = lines[line - 1]
            lines[line - 1] = old[:column] + text + old[column + length :]
        return "\n".join(lines)

    def _position(self, node: ast.AST) -> tuple[int, int]:
        """Line and character; the tree counts columns in bytes."""
        line, column = place_of(node)
        return line, len(self.lines[line - 1].encode()[:column].decode())


def fstring_step(token: tokenize.TokenInfo) -> int:
    """How a token changes the depth of f-strings, which have tokens of their own since 3.12."""
    name = tokenize.tok_name[token.type]
    return {"FSTRING_START": 1, "FSTRING_END": -1}.get(name, 0)


# --- Where imports lead -----------------------------------------------------------------------


def twin_path(path: str) -> str:
    return f"{PACKAGE}/{HALF}/{path.removeprefix(PACKAGE + '/')}"


class Imports:
    """The imports of one module, seen from its twin."""

    def __init__(self, path: str, has_twin: Callable[[str], bool]) -> None:
        self._folders = path.split("/")[:-1]
        self._has_twin = has_twin

    def refusal(self, node: ast.Import | ast.ImportFrom) -> str | None:
        """Why an import cannot stand in a mirrored module."""
        if any(alias.name == "*" for alias in node.names):
            return "no import *: name what is imported"
        for name in self._absolute(node):
            if name in BEHIND_DOORS:
                return f"no {name} here: waiting and locking live behind a door"
            if name == PACKAGE:
                return f"import from {PACKAGE} with dots"
        return self._relative_refusal(node) if isinstance(node, ast.ImportFrom) else None

    def _absolute(self, node: ast.Import | ast.ImportFrom) -> list[str]:
        """The top-level names of an absolute import."""
        if isinstance(node, ast.Import):
            return [alias.name.split(".")[0] for alias in node.names]
        return [] if node.level or not node.module else [node.module.split(".")[0]]

    def _relative_refusal(self, node: ast.ImportFrom) -> str | None:
        if node.level > len(self._folders):
            return f"this import leads out of {PACKAGE}"
        if node.level and len(self._twins(node)) > 1:
            return "some of these names have a twin and some do not: import them apart"
        return None

    def inserted(self, node: ast.ImportFrom) -> str:
        """What to insert behind the dots so that the twin imports the right module."""
        if not node.level or self._twins(node) == {True}:
            return ""
        inner = self._base(node)
        stop = "." if inner and node.module else ""
        return "." * (len(self._folders) + 1 - node.level) + ".".join(inner) + stop

    def _base(self, node: ast.ImportFrom) -> list[str]:
        """The folders, below the package, that the dots stand for."""
        return self._folders[1 : len(self._folders) - node.level + 1]

    def _twins(self, node: ast.ImportFrom) -> set[bool]:
        names = [node.module] if node.module else [alias.name for alias in node.names]
        base = self._base(node)
        return {self._has_twin(".".join([*base, name])) for name in names}


# --- One module -------------------------------------------------------------------------------


class Mirror:
    """One module on its way to its twin: what to insert, and what is refused."""

    def __init__(self, source: str, path: str, tree: ast.Module, imports: Imports) -> None:
        self.path = path
        self.text = Text(source)
        self.outline = Outline(tree)
        self.palette = Palette(self.outline)
        self.imports = imports
        self.refused: set[tuple[int, str]] = set()

    def twin(self) -> str:
        for routine in self.outline.routines():
            for function in routine.nodes:
                self._function(function, routine.colour)
        for node in self.outline.nodes:
            self._node(node)
        self._raise()
        self.text.rename()
        self.text.first_line(f"{WRITTEN}{self.path}: change that file and run the tool.")
        return self.text.edited()

    def _refuse(self, node: ast.AST, reason: str) -> None:
        """Note a refusal; inside an f-string, old Pythons know only the line of the string."""
        strings = [o for o, _ in self.outline.around(node) if isinstance(o, ast.JoinedStr)]
        self.refused.add((place_of(strings[-1] if strings else node)[0], reason))

    def _raise(self) -> None:
        found = [Refusal(self.path, line, reason) for line, reason in sorted(self.refused)]
        if found:
            raise Refusal(self.path, found[0].line, found[0].reason, found[1:])

    def _function(self, function: ast.FunctionDef, colour: Colour) -> None:
        own = self.palette.judge(function)
        reason = self._function_refusal(function, own, colour)
        if reason:
            uses = self.palette.uses(function)
            self._refuse(uses[0] if uses else function, reason)
        elif colour is Colour.AWAITED or (colour is not Colour.PLAIN and self._yields(function)):
            self.text.before(function, "async ")
            self._check_yields(function)

    def _yields(self, function: ast.FunctionDef) -> bool:
        return bool(self.palette.yields(function))

    def _function_refusal(
        self, function: ast.FunctionDef, own: Colour, colour: Colour
    ) -> str | None:
        name = function.name
        if colour is Colour.PLAIN:
            return self._plain_refusal(function)
        if fixed(function):
            return fixed(function)
        if is_dunder(name) and name not in ALWAYS_AWAITED:
            return None if own is Colour.PLAIN else f"no I/O in {name}: offer a named method"
        generator_apart = self._yields(function) and colour is not Colour.ITERATED
        if own not in (Colour.PLAIN, colour) or generator_apart:
            return f"{name} is an iterator or a context manager here and awaited elsewhere"
        return None

    def _plain_refusal(self, function: ast.FunctionDef) -> str | None:
        """`Iterator` is renamed, so a generator that stays plain must not promise one."""
        if self._yields(function) and base_name(function.returns) == "Iterator":
            return "annotate a generator without I/O with Generator or Iterable"
        return None

    def _check_yields(self, function: ast.FunctionDef) -> None:
        for node in self.palette.yields(function):
            if isinstance(node, ast.YieldFrom):
                self._refuse(node, NO_YIELD_FROM)
            if any(self._holds(outer) for outer, _ in self.outline.around(node)):
                self._refuse(node, "no yield while a door is held: leave the with first")

    def _holds(self, node: ast.AST) -> bool:
        return isinstance(node, ast.With) and any(map(self.palette.enters, node.items))

    def _node(self, node: ast.AST) -> None:
        self._check_async(node)
        if self.palette.kind(node) is not Colour.PLAIN:
            self._use(node)
        elif isinstance(node, ast.Call):
            self._plain_call(node)
        if isinstance(node, (ast.Name, ast.Attribute, ast.arg)):
            self._value(node)
        elif isinstance(node, ast.With):
            self._with(node)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node)
        elif isinstance(node, ast.JoinedStr):
            self._fstring(node)

    def _check_async(self, node: ast.AST) -> None:
        is_async = isinstance(node, ast.comprehension) and bool(node.is_async)
        if is_async or isinstance(node, ASYNC_NODES):
            at = node.target if isinstance(node, ast.comprehension) else node
            self._refuse(at, "no async or await here: write the blocking text")

    def _use(self, node: ast.AST) -> None:
        """Colour one I/O expression by its place."""
        parent, field = self.outline.parents[node]
        kind = self.palette.kind(node)
        reason = self._stray(node) or self._use_refusal(node, kind)
        if reason:
            self._refuse(node, reason)
        elif isinstance(parent, ast.For) and field == "iter" and kind is not Colour.AWAITED:
            self.text.before(parent, "async ")
        elif field != "context_expr" and not self.palette.hands_on(node):
            self.text.before(node, "await ")

    def _use_refusal(self, node: ast.AST, kind: Colour) -> str | None:
        parent, field = self.outline.parents[node]
        read = isinstance(parent, (ast.Attribute, ast.Subscript, ast.Call))
        if read and field in {"value", "func"}:
            return BIND
        handed = self.palette.hands_on(node)
        if handed:
            fits = self.palette.returned(node) and kind in (Colour.DOOR, handed)
            return None if fits else NO_OTHER
        if field == "context_expr":
            return None if kind in (Colour.DOOR, Colour.ENTERED) else BIND
        if field == "iter" and kind is not Colour.ENTERED:
            return None
        return ELSEWHERE.get(kind)

    def _stray(self, node: ast.AST) -> str | None:
        """Why I/O cannot stand where a node stands."""
        for outer, field in self.outline.around(node):
            if isinstance(outer, ast.FunctionDef):
                known = self.palette.known(outer)
                nested = None if known else "no I/O in a nested function or class: write a method"
                return AROUND_A_FUNCTION.get(field, nested)
            if field == "annotation":
                return AROUND_A_FUNCTION["returns"]
            if type(outer) in STRAY:
                return STRAY[type(outer)]
        return None

    def _plain_call(self, call: ast.Call) -> None:
        """A call that stays plain must not be renamed, nor reach a door by another name."""
        if isinstance(call.func, (ast.Name, ast.Attribute)) and base_name(call.func) in RENAMES:
            self._refuse(call, f"reach {base_name(call.func)} through a door or self")
        if isinstance(call.func, ast.Attribute) and self._is_alias(call.func.value):
            self._refuse(call, "call a door through its attribute, not through a local name")

    def _is_alias(self, node: ast.expr) -> bool:
        function = self.outline.function(node)
        if not isinstance(node, ast.Name) or function is None:
            return False
        return node.id in {name for inner in ast.walk(function) for name in aliases(inner)}

    def _value(self, node: ast.Name | ast.Attribute | ast.arg) -> None:
        """Refuse a routine that does I/O when it is not called, or called through its class."""
        if isinstance(node, ast.arg):
            routine, name = self.outline.functions.get(node.arg), node.arg
        else:
            routine, name = self.outline.routine(node), base_name(node)
        unbound = self.outline.unbound(node) if isinstance(node, ast.Attribute) else None
        called = self.outline.field(node) == "func"
        if is_coloured(routine) and not called and not self._is_field(node):
            self._refuse(node, UNCALLED.format(name))
        if is_coloured(unbound):
            self._refuse(node, f"call {name} on self, not on the class")

    def _is_field(self, node: ast.AST) -> bool:
        """Whether a name is set in the body of a class, where it hides nothing."""
        scopes = (outer for outer, _ in self.outline.around(node) if isinstance(outer, SCOPES))
        stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        return stored and isinstance(next(scopes, None), ast.ClassDef)

    def _with(self, node: ast.With) -> None:
        entered = {self.palette.enters(item) for item in node.items}
        if entered == {True}:
            self.text.before(node, "async ")
        elif entered == {True, False}:
            self._refuse(node, "a with over a door holds nothing else: nest two of them")

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        reason = self.imports.refusal(node)
        if reason:
            self._refuse(node, reason)
        elif isinstance(node, ast.ImportFrom) and self.imports.inserted(node):
            self.text.after_dots(node, self.imports.inserted(node))

    def _fstring(self, node: ast.JoinedStr) -> None:
        names = {base_name(inner) for inner in ast.walk(node) if isinstance(inner, ast.expr)}
        for name in sorted(names & RENAMES.keys()):
            self._refuse(node, f"no {name} in an f-string: bind it to a name first")


def aliases(node: ast.AST) -> list[str]:
    """The local names that an assignment gives to a door."""
    if not isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
        return []
    if node.value is None or not is_door(node.value):
        return []
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def mirror_text(source: str, path: str, has_twin: Callable[[str], bool]) -> str:
    """The twin of a source.

    *path* is the source's, from the root, with forward slashes. *has_twin* tells whether a module,
    named from the package with dots (`redis.door`), exists in the asyncio half.
    """
    check_first_line(source, path)
    with refusing_syntax(path):
        tree = ast.parse(source)
    twin = Mirror(source, path, tree, Imports(path, has_twin)).twin()
    with refusing_syntax(path):
        ast.parse(twin)
        compile(twin, path, "exec", dont_inherit=True)  # knows `return x` in async generators
    if twin.count("\n") != source.count("\n"):
        raise Refusal(path, 1, "the twin has another number of lines")
    return twin


def check_first_line(source: str, path: str) -> None:
    if "\r" in source:
        line = source[: source.index("\r")].count("\n") + 1
        raise Refusal(path, line, "end lines in \\n alone")
    if source.split("\n", 1)[0] != MARK:
        raise Refusal(path, 1, "the first line is not the one that asks for a twin")


@contextmanager
def refusing_syntax(path: str) -> Iterator[None]:
    try:
        yield
    except SyntaxError as exc:
        raise Refusal(path, exc.lineno or 1, f"this does not compile: {exc.msg}") from exc
    except ValueError as exc:
        raise Refusal(path, 1, f"this does not compile: {exc}") from exc


# --- The repository ---------------------------------------------------------------------------


def first_line(data: bytes) -> str:
    line = data.split(b"\n", 1)[0].removeprefix(b"\xef\xbb\xbf")
    return line.rstrip(b"\r").decode(errors="replace")


class Repository:
    """The sources under a root, their twins, and what is wrong with them."""

    def __init__(self, root: Path) -> None:
        files = sorted(root.glob(f"{PACKAGE}/**/*.py"))
        lines = {f.relative_to(root).as_posix(): first_line(f.read_bytes()) for f in files}
        half = f"{PACKAGE}/{HALF}/"
        here = {path: line for path, line in lines.items() if path.startswith(half)}
        self.root = root
        self.sources = [p for p, line in lines.items() if line == MARK and p not in here]
        self.by_tool = {path for path, line in here.items() if line.startswith(WRITTEN)}
        self.by_hand = here.keys() - self.by_tool
        self.twins: dict[str, bytes] = {}
        self.problems = [str(refusal) for refusal in self._fill()]
        self.problems += [f"{path}: orphan, nothing asks for it" for path in self._orphans()]

    def current(self, path: str) -> bytes | None:
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def _fill(self) -> Iterator[Refusal]:
        """Make the twins, and hand out what is refused on the way."""
        for path in self.sources:
            try:
                self.twins[twin_path(path)] = self._twin(path)
            except Refusal as refusal:
                yield refusal
                yield from refusal.more

    def _twin(self, path: str) -> bytes:
        if twin_path(path) in self.by_hand:
            reason = f"written by hand, and {path} asks for a twin here: give up one of them"
            raise Refusal(twin_path(path), 1, reason)
        try:
            source = (self.root / path).read_bytes().decode()
        except UnicodeDecodeError as exc:
            line = exc.object[: exc.start].count(b"\n") + 1
            raise Refusal(path, line, "write this in UTF-8") from exc
        return mirror_text(source, path, self._has_twin).encode()

    def _has_twin(self, module: str) -> bool:
        stem = f"{PACKAGE}/{HALF}/{module.replace('.', '/')}"
        paths = {f"{stem}.py", f"{stem}/__init__.py"}
        return not paths.isdisjoint({*self.by_hand, *map(twin_path, self.sources)})

    def _orphans(self) -> list[str]:
        return sorted(self.by_tool - set(map(twin_path, self.sources)))


def check(root: Path) -> list[str]:
    """What is wrong with the twins under a root; nothing is written."""
    repository = Repository(root)
    problems = list(repository.problems)
    for path, twin in repository.twins.items():
        current = repository.current(path)
        if current is None:
            problems.append(f"{path}: missing, run the tool")
        elif current != twin:
            problems.append(f"{path}: differs from what the tool writes")
    return problems


def write(root: Path) -> list[str]:
    """Write the twins that differ, and tell what was refused or is an orphan."""
    repository = Repository(root)
    for path, twin in repository.twins.items():
        if repository.current(path) != twin:
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(twin)
    return repository.problems


def report(problems: Iterable[str]) -> int:
    lines = list(problems)
    for line in lines:
        print(line)
    return 1 if lines else 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the asyncio twins of blocking modules.")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    options = parser.parse_args(arguments)
    return report(check(options.root) if options.check else write(options.root))


if __name__ == "__main__":
    sys.exit(main())
