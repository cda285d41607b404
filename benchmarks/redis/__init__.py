"""Redis: what redis-py, other clients and bot frameworks do by hand, on a server of its own."""

from __future__ import annotations

from collections.abc import Sequence

from ..family import Family, Law
from .aiogram import aiogram
from .batches import batches
from .beside import beside
from .bot import bot
from .near import near
from .processes import processes
from .served import run
from .settings import Settings
from .single import single
from .tasks import tasks
from .telebot import telebot
from .update import update

LAWS: dict[str, Law[Settings]] = {
    "single": single,
    "batches": batches,
    "tasks": tasks,
    "peers": beside,
    "bot": bot,
    "update": update,
    "processes": processes,
    "aiogram": aiogram,
    "telebot": telebot,
    "near": near,
}


def main(arguments: Sequence[str]) -> int:
    """Run the laws that the command line names, all of them if it names none."""
    return run(Family("redis", __doc__, LAWS), arguments)
