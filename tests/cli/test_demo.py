"""The demo as its user sees it: a process, with and without a terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

import storage
from storage.cli import main
from storage.cli.demo import Bot
from storage.testing import Clock
from tests import servers
from tests.cli.ground import SECONDS, command, environment, read
from tests.servers import Server

pytestmark = pytest.mark.timed

FLOOD = ("is", "there", "anybody", "who", "knows", "the", "answer?")
TOO_FAST = re.compile(r"(\w+): too fast, try again in (\d+) s\.\n")
COUNTS = re.compile(r"(\w+): message (\d+) of yours, (\d+) in (\w+)\.")


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m storage` in *folder*, where nobody sits at the terminal."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(PYTHONIOENCODING="utf-8"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )


def at_terminal(folder: Path, *lines: str, arguments: tuple[str, ...] = ()) -> str:
    """What a pseudo-terminal shows when *lines* are typed at the demo, which must end well.

    The last line is followed by the end of the input, so a demo that ignores it ends too.
    """
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("demo", *arguments),
        cwd=folder,
        env=environment(PYTHONIOENCODING="utf-8"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        os.write(ours, "".join(f"{line}\n" for line in lines).encode() + b"\x04")
        shown = b"".join(iter(lambda: read(ours), b"")).decode()
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return shown.replace("\r\n", "\n")


def test_without_a_terminal_a_conversation_is_played(tmp_path: Path) -> None:
    """What is said is counted for each user and each chat."""
    done = demo(tmp_path, "demo")

    assert done.returncode == 0
    assert done.stderr == ""
    assert COUNTS.findall(done.stdout) == [
        ("ann", "1", "1", "home"),
        ("bob", "1", "2", "home"),
        ("bob", "2", "3", "home"),
        ("bob", "1", "1", "work"),
        *(("cat", str(number), str(number + 1), "work") for number in range(1, 6)),
        ("ann", "2", "4", "home"),
    ]


def test_the_conversation_has_somebody_who_types_too_fast(tmp_path: Path) -> None:
    """Such a one is told once, and nothing that is not heard is counted."""
    done = demo(tmp_path, "demo")

    told = TOO_FAST.sub("cat is told.\n", done.stdout)
    assert "> the\ncat is told.\n> answer?\n...\n> /stats\nwork: 6 messages\n" in told
    assert told.count("cat is told.") == told.count("\n...\n") == 1


def test_the_played_bot_knows_after_its_restart_what_it_knew(tmp_path: Path) -> None:
    """The conversation ends with a restart in the same process."""
    home = "home: 3 messages\n  ann: 1 messages, 14 letters\n  bob: 2 messages, 19 letters\n"
    name = "> who am I?\nann: message 2 of yours, 4 in home.\nYou are Ann.\n"

    before, _, after = demo(tmp_path, "demo").stdout.partition("-- the bot is started again --\n")

    assert f"> /stats\n{home}" in before
    assert after == f"> /stats\n{home}{name}"


def test_a_second_process_goes_on_counting(tmp_path: Path) -> None:
    """What the bot knows outlives the process."""
    first, second = (COUNTS.findall(demo(tmp_path, "demo").stdout) for _ in range(2))

    own = {("ann", "home"): 2, ("bob", "home"): 2, ("bob", "work"): 1}
    all_in = {"home": 4, "work": 6}
    assert [row for row in second if row[0] != "cat"] == [
        (user, str(int(mine) + own[user, chat]), str(int(total) + all_in[chat]), chat)
        for user, mine, total, chat in first
        if user != "cat"
    ]


def test_a_second_process_knows_who_was_too_fast(tmp_path: Path) -> None:
    """A restart lets nothing more pass. A clock that is behind sees it, however slow we are."""
    demo(tmp_path, "demo")

    with storage.SqliteStorage(tmp_path / "storage-demo.db", clock=lambda: 0.0) as store:
        speakers = ("work:cat", "work:bob", "home:ann")
        left = [storage.RateLimiter(store, "5/10s").peek(who).remaining for who in speakers]

    assert left == [0, 4, 3]


def test_the_store_is_where_the_url_says(tmp_path: Path) -> None:
    done = demo(tmp_path, "demo", "--store", "sqlite:///other.db")

    assert done.returncode == 0
    assert (tmp_path / "other.db").exists()
    assert not (tmp_path / "storage-demo.db").exists()


def test_a_store_that_forgets_knows_nothing_after_the_restart(tmp_path: Path) -> None:
    """The demo shows the store that it is given, and not a file behind its back."""
    done = demo(tmp_path, "demo", "--store", "memory://")

    assert "is started again --\n> /stats\nhome: 0 messages\n" in done.stdout
    assert done.stdout.endswith("\nYou did not tell me, as far as I know.\n")
    assert list(tmp_path.iterdir()) == []


def test_at_a_terminal_one_talks_with_the_bot(tmp_path: Path) -> None:
    shown = at_terminal(tmp_path, "hello", "/user bob", "hi", "/chat work", "hm", "/quit")

    assert COUNTS.findall(shown) == [
        ("ann", "1", "1", "home"),
        ("bob", "1", "2", "home"),
        ("bob", "1", "1", "work"),
    ]
    assert "/forget" in shown


def test_the_bot_at_the_terminal_remembers_until_it_is_told_to_forget(tmp_path: Path) -> None:
    at_terminal(tmp_path, "hello", "good-bye", "/quit")
    shown = at_terminal(tmp_path, "hello again", "/forget", "/forget", "who am I?", "/quit")

    assert COUNTS.findall(shown) == [("ann", "3", "3", "home"), ("ann", "1", "4", "home")]
    assert "ann is forgotten." in shown
    assert "ann was not known." in shown


def test_what_the_bot_knows_of_somebody_is_a_session(tmp_path: Path) -> None:
    """Names are shown as they were typed, whatever they are written as in a key."""
    told = at_terminal(tmp_path, "hello", "/chat a:b", "/user c:d", "hi", "/stats", "/quit")

    assert "a:b: 1 messages\n  c:d: 1 messages, 2 letters" in told
    with storage.open(f"sqlite:///{tmp_path}/storage-demo.db") as store:
        sessions: storage.Sessions[Any] = storage.Sessions(store)
        assert dict(sessions.items()) == {
            "home:ann": {"user": "ann", "messages": 1, "letters": 5},
            "a%3Ab:c%3Ad": {"user": "c:d", "messages": 1, "letters": 2},
        }


def test_who_is_forgotten_is_forgotten_in_one_chat(tmp_path: Path) -> None:
    typed = ("hello", "/chat work", "hello", "/forget", "/stats", "/chat home", "/stats", "/quit")

    told = at_terminal(tmp_path, *typed)

    assert "work: 1 messages\n" in told
    assert "home: 1 messages\n  ann: 1 messages, 5 letters" in told
    with storage.open(f"sqlite:///{tmp_path}/storage-demo.db") as store:
        assert list(storage.Sessions(store).keys()) == ["home:ann"]


def test_at_the_terminal_who_types_too_fast_is_told_once(tmp_path: Path) -> None:
    """Others are heard, so is the same one in another chat, and commands are no messages."""
    typed = (*FLOOD, "/stats", "/user bob", "hi", "/user ann", "/chat work", "hi", "/quit")

    shown = at_terminal(tmp_path, *typed)

    assert COUNTS.findall(shown) == [
        *(("ann", str(number), str(number), "home") for number in range(1, 6)),
        ("bob", "1", "6", "home"),
        ("ann", "1", "1", "work"),
    ]
    assert "home: 5 messages\n  ann: 5 messages, 22 letters" in shown
    assert [user for user, _ in TOO_FAST.findall(shown)] == ["ann"]
    assert shown.count("...\n") == 1


def test_who_waited_is_heard_again_and_told_again() -> None:
    clock = Clock()
    bot = Bot(storage.MemoryStorage(clock=clock))
    for _ in range(5):
        bot.answer("hi")
        clock.tick(1)

    said = []
    for seconds in (0, 1, 3, 1, 0, 0):
        clock.tick(seconds)
        said.append(bot.answer("hi"))

    assert said == [
        "ann: too fast, try again in 5 s.",
        "...",
        "...",
        "ann: message 6 of yours, 6 in home.\nI see.",
        "ann: too fast, try again in 1 s.",
        "...",
    ]


def test_commands_are_answered_however_often_they_come() -> None:
    """Nor do they count as messages."""
    bot = Bot(storage.MemoryStorage(clock=Clock()))

    stats = [bot.answer("/stats") for _ in range(20)]

    assert set(stats) == {"home: 0 messages"}
    assert bot.answer("hi") == "ann: message 1 of yours, 1 in home.\nI see."


def test_who_is_forgotten_is_no_faster(tmp_path: Path) -> None:
    """What was said counts, whoever it is known of."""
    bot = Bot(storage.MemoryStorage(clock=Clock()))
    for _ in range(5):
        bot.answer("hi")

    assert bot.answer("/forget") == "ann is forgotten."
    assert bot.answer("hi") == "ann: too fast, try again in 10 s."


def test_a_second_process_remembers_the_talk(tmp_path: Path) -> None:
    """That of each one in each chat, and nobody else's."""
    at_terminal(tmp_path, "my name is Ann", "/user bob", "hm", "/chat work", "I am Rob")

    shown = at_terminal(tmp_path, "who am I?", "/user bob", "who am I?", "/chat work", "who am I?")

    told = re.findall(r"in (\w+)\.\n(You .+)\n", shown)
    assert [row for row in told if row[1] != "You are bob in work."] == [
        ("home", "You are Ann."),
        ("home", "You did not tell me, as far as I know."),
        ("work", "You are Rob."),
    ]


def test_what_is_taken_back_is_taken_back_in_a_second_process_too(tmp_path: Path) -> None:
    """A question and its answer at a time."""
    at_terminal(tmp_path, "my name is Ann", "call me Rob", "/undo")

    shown = at_terminal(tmp_path, "who am I?", "/undo", "/undo", "who am I?")

    assert re.findall(r"(?:You|Taken) .+\.", shown) == [
        "You are Ann.",
        'Taken back: "who am I?".',
        'Taken back: "my name is Ann".',
        "You did not tell me, as far as I know.",
    ]


def test_the_talk_is_a_conversation(tmp_path: Path) -> None:
    at_terminal(tmp_path, "hello", "what did I say?", "/quit")

    with storage.open(f"sqlite:///{tmp_path}/storage-demo.db") as store:
        talks = storage.Conversation(store)
        assert list(talks.keys()) == ["home:ann"]
        assert [(one["role"], one["content"]) for one in talks.list("home:ann")] == [
            ("user", "hello"),
            ("assistant", "I see."),
            ("user", "what did I say?"),
            ("assistant", 'You said "hello".'),
        ]


def slowly(bot: Bot, clock: Clock, *texts: str) -> list[str]:
    """What *bot* answers, without what it counts, to one who types at leisure."""
    said = []
    for text in texts:
        clock.tick(10)
        said.append(bot.answer(text).rpartition("\n")[2])
    return said


def test_the_last_messages_are_remembered() -> None:
    """Twenty of them, of which the last one is the question."""
    clock = Clock()
    bot = Bot(storage.MemoryStorage(clock=clock))

    told = slowly(bot, clock, "I am Ann", *["hm"] * 9, "who am I?", "who am I?")

    assert told[1] == "I see, Ann."
    assert told[-2:] == ["You did not tell me, as far as I know."] * 2


def test_who_is_forgotten_is_known_by_no_name_in_one_chat() -> None:
    clock = Clock()
    bot = Bot(storage.MemoryStorage(clock=clock))

    slowly(bot, clock, "I am Ann", "/chat work", "I am Ann")

    assert slowly(bot, clock, "/forget", "who am I?", "/chat home", "who am I?") == [
        "ann is forgotten.",
        "You did not tell me, as far as I know.",
        "You are ann in home.",
        "You are Ann.",
    ]


def test_what_is_not_heard_is_not_remembered() -> None:
    clock = Clock()
    bot = Bot(storage.MemoryStorage(clock=clock))

    for text in FLOOD:
        bot.answer(text)

    assert slowly(bot, clock, "what did I say?") == ['You said "knows".']


def test_where_nothing_was_said_there_is_nothing_to_take_back() -> None:
    bot = Bot(storage.MemoryStorage(clock=Clock()))

    assert bot.answer("/undo") == "There is nothing to take back."
    assert bot.answer("/forget") == "ann was not known."


def test_the_end_of_the_input_is_a_farewell(tmp_path: Path) -> None:
    """Ctrl-D leaves as `/quit` does, and what was said is kept."""
    at_terminal(tmp_path, "hello")

    assert COUNTS.findall(at_terminal(tmp_path, "hello")) == [("ann", "2", "2", "home")]


@pytest.fixture
def address(valkey: Server) -> Iterator[str]:
    """A server that is empty again after the test."""
    yield f"{valkey.host}:{valkey.port}"
    with redis.Redis(host=valkey.host, port=valkey.port) as client:
        client.flushdb()


def test_a_server_keeps_what_the_bot_knows(tmp_path: Path, address: str) -> None:
    """The same conversation as with a file, and the next process goes on counting."""
    url = f"redis://{address}/0?prefix=demo:"

    first, second = (demo(tmp_path, "demo", "--store", url) for _ in range(2))

    assert TOO_FAST.sub("", first.stdout) == TOO_FAST.sub("", demo(tmp_path, "demo").stdout)
    assert (first.returncode, first.stderr) == (0, "")
    assert COUNTS.findall(second.stdout)[0] == ("ann", "3", "5", "home")
    with storage.open(url) as store:
        assert store.namespace("chats").get("home") == 8


def test_at_a_terminal_the_bot_knows_what_a_server_has_kept(tmp_path: Path, address: str) -> None:
    arguments = ("--store", f"redis://{address}")

    at_terminal(tmp_path, "hello", "/quit", arguments=arguments)
    shown = at_terminal(tmp_path, "hello", "/quit", arguments=arguments)

    assert "home: 1 messages\n  ann: 1 messages, 5 letters" in shown
    assert COUNTS.findall(shown) == [("ann", "2", "2", "home")]


@pytest.mark.parametrize("login", [":hunter2", "nobody:hunter2"])
def test_a_server_that_refuses_is_one_line_and_an_exit_code(
    tmp_path: Path, address: str, login: str
) -> None:
    done = demo(tmp_path, "demo", "--store", f"redis://{login}@{address}")

    assert done.returncode == 1
    assert done.stdout == ""
    assert "the server refuses the user name or the password" in done.stderr
    assert "hunter2" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("valkey")
def test_a_server_that_goes_away_does_not_end_the_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", _Terminal())
    with ExitStack() as running:
        server = running.enter_context(servers.running(servers.find_valkey(), tmp_path))

        def typed() -> Iterator[str]:
            yield "hello"
            running.close()
            yield "are you there?"
            yield "/quit"

        texts = typed()
        monkeypatch.setattr("builtins.input", lambda _: next(texts))
        assert main(["demo", "--store", f"{server.url}?timeout=0.3"]) == 0

    said = capsys.readouterr().out.splitlines()
    assert said[-3:-1] == ["ann: message 1 of yours, 1 in home.", "I see."]
    assert said[-1].startswith("I can not tell: redis:")


class _Terminal:
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    "url",
    [
        "nowhere://user:hunter2@host",
        "no url",
        "sqlite:///x.db?colour=red",
        "sqlite:///no-such-folder/x.db",
        "sqlite:///torn.db",
        "redis://localhost:1/0?timeout=0.1",
        "redis+sentinel://localhost:1/bots?timeout=0.1",
        "redis+cluster://localhost:1?timeout=0.1",
        "redis://localhost?speed=high",
    ],
)
def test_a_store_that_can_not_be_opened_is_one_line_and_an_exit_code(
    tmp_path: Path, url: str
) -> None:
    (tmp_path / "torn.db").write_bytes(b"this is not a database" * 100)

    done = demo(tmp_path, "demo", "--store", url)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("python -m storage: ")
    assert len(done.stderr.splitlines()) == 1


def test_no_message_shows_the_password_of_a_url(tmp_path: Path) -> None:
    done = demo(tmp_path, "demo", "--store", "nowhere://user:hunter2@host/path")

    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("arguments", [("--help",), ("demo", "--help")])
def test_help_is_on_the_standard_output(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = demo(tmp_path, *arguments)

    assert done.returncode == 0
    assert done.stdout.startswith("usage: python -m storage")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [(), ("dance",), ("demo", "--colour", "red")])
def test_wrong_words_show_the_usage_and_exit_with_2(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = demo(tmp_path, *arguments)

    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m storage")
    assert list(tmp_path.iterdir()) == []
