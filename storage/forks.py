"""What is done around a fork, in both processes: each owner sees to its own."""

from __future__ import annotations

import os
import signal
import weakref
from collections.abc import Callable, Iterable
from threading import get_ident
from typing import Any

_Step = Callable[[Any], object]

_forking: weakref.WeakKeyDictionary[Any, tuple[_Step, _Step, _Step]] = weakref.WeakKeyDictionary()

_held: dict[int, list[set[Any]]] = {}
"""Which signals a thread that forks held back before, and before that where a handler forks too."""


def after_fork(owner: object, repair: _Step) -> None:
    """Call *repair* on *owner* in every child process that is forked from here."""
    around_fork(owner, _nothing, _nothing, repair)


def around_fork(owner: object, prepare: _Step, go_on: _Step, repair: _Step) -> None:
    """Call *prepare* on *owner* before a fork, then *go_on* here and *repair* in the child."""
    _forking[owner] = (prepare, go_on, repair)


def let_go(numbers: Iterable[int]) -> None:
    """In a child: have the files of these *numbers* lead nowhere, which are the parent's too.

    Whoever holds them closes them when he likes.
    """
    ours = set(numbers) - {-1}
    if not ours:
        return
    os.close(min(ours))  # so that there is a number free, whatever else is open
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in ours - {nothing}:
        os.dup2(nothing, number, inheritable=False)
    if nothing not in ours:
        os.close(nothing)


def _nothing(owner: object) -> None:
    pass


def _each(step: int) -> None:
    """Take a step with each owner, whatever becomes of the others."""
    failed: BaseException | None = None
    for owner, steps in _owners():
        try:
            steps[step](owner)
        except BaseException as error:  # noqa: BLE001 - it is raised when all are done
            failed = error
    if failed is not None:
        raise failed


def _owners() -> list[tuple[Any, tuple[_Step, _Step, _Step]]]:
    while True:
        try:
            return list(_forking.items())
        except RuntimeError:  # another thread has made one meanwhile
            pass


def _prepare() -> None:
    try:
        _hold_signals_back()
    finally:
        _each(0)


def _hold_signals_back() -> None:
    """Have no handler raise in what follows, which would leave some owners as they are.

    What came before that is handled here, and may raise when all are held back already.
    """
    held = _held.setdefault(get_ident(), [])
    held.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def _go_on() -> None:
    try:
        _each(1)
    finally:
        _let_signals_in()


def _repair() -> None:
    try:
        _each(2)
    finally:
        _let_signals_in()


def _let_signals_in() -> None:
    """Have what came meanwhile handled.

    What a handler raises then does not reach the program: the only call that lets signals in runs
    their handlers itself, and of what is raised at a fork Python says that it is ignored.
    """
    held = _held.get(get_ident())
    if held:
        signal.pthread_sigmask(signal.SIG_SETMASK, held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_prepare, after_in_parent=_go_on, after_in_child=_repair)
