"""`copy`, `dump` and `load` as commands: what they say, and what an interrupt leaves."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

import storage
from tests.cli.ground import at_terminal, begun, command, ended, environment, run, until
from tests.servers import Server

MANY = 50_000


def url(path: Path) -> str:
    return f"sqlite:///{path.as_posix()}"


def items(path: Path) -> dict[str, Any]:
    with storage.SqliteStorage(path) as store:
        return dict(store.items())


def rows(path: Path) -> int:
    """How many entries a store has, while somebody else writes."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            # What a copy writes at first to see whether it may is none.
            (count,) = connection.execute(
                "SELECT count(*) FROM storage WHERE key NOT LIKE '~probe~%'"
            ).fetchone()
        except sqlite3.OperationalError:  # the table is not there yet
            return 0
    return int(count)


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    path = tmp_path / "bot.db"
    with storage.SqliteStorage(path) as store:
        store.set_many({"ann": {"name": "Zoë"}, "bob": 2}, ttl=3600)
        store.namespace("carts").set("5", ["tea"])
    return path


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that takes a while, and that is only read."""
    path = tmp_path_factory.mktemp("crowd") / "crowd.db"
    with storage.SqliteStorage(path) as store:
        store.set_many({f"user {number}": {"step": number} for number in range(MANY)}, ttl=3600)
    return path


@pytest.fixture
def address(valkey: Server) -> Iterator[str]:
    yield f"{valkey.url}?prefix=moved:"
    with redis.Redis(host=valkey.host, port=valkey.port) as client:
        client.flushdb()


def test_a_file_moves_to_a_server_and_back(bot: Path, tmp_path: Path, address: str) -> None:
    there = run(tmp_path, "copy", "--verify", url(bot), address)
    back = run(tmp_path, "copy", address, "sqlite:///back.db", "--verify")

    for done in (there, back):
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout == b"3 of 3 entries copied, 3 compared: all the same\n"
    assert items(tmp_path / "back.db") == {"ann": {"name": "Zoë"}, "bob": 2}
    with storage.SqliteStorage(tmp_path / "back.db") as store, storage.SqliteStorage(bot) as old:
        assert store.namespace("carts").get("5") == ["tea"]
        assert store.expires_at("ann") == old.expires_at("ann")


def test_what_is_there_stays_if_it_shall(bot: Path, tmp_path: Path) -> None:
    with storage.SqliteStorage(tmp_path / "other.db") as store:
        store.set("bob", "theirs")

    done = run(tmp_path, "copy", "--keep", url(bot), "sqlite:///other.db")

    assert (done.returncode, done.stdout) == (
        0,
        b"2 of 3 entries copied, 1 left as they are\n",
    )
    assert items(tmp_path / "other.db") == {"ann": {"name": "Zoë"}, "bob": "theirs"}


def test_what_can_not_be_copied_is_told_and_is_the_exit_code(bot: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(bot)) as connection, connection:
        connection.executemany(
            "INSERT INTO storage (key, value) VALUES (?, 'a secret')",
            [(f"~ns~old~{number}",) for number in range(30)],
        )

    done = run(tmp_path, "copy", url(bot), "sqlite:///other.db")

    assert done.returncode == 1
    assert done.stdout == b"3 of 33 entries copied, 30 failed\n"
    told = done.stderr.decode().splitlines()
    assert re.fullmatch(r"sqlite:.*: key '0': it is not JSON \(in 'old'\)", told[0])
    assert (len(told), told[-1]) == (21, "... and 10 more")
    assert "secret" not in done.stderr.decode()


@pytest.mark.parametrize("where", ["file", "stream"])
def test_a_dump_is_loaded_from_a_file_and_from_a_stream(
    bot: Path, tmp_path: Path, where: str
) -> None:
    """Whatever the locale says of text."""
    variables = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    if where == "file":
        done = run(tmp_path, "dump", url(bot), "bot.jsonl", **variables)
        dump = (tmp_path / "bot.jsonl").read_bytes()
        assert (done.stdout, done.stderr) == (b"3 of 3 entries dumped\n", b"")
        loaded = run(tmp_path, "load", "sqlite:///new.db", "bot.jsonl", **variables)
    else:
        done = run(tmp_path, "dump", url(bot), **variables)
        dump = done.stdout
        assert done.stderr == b"3 of 3 entries dumped\n"
        loaded = run(tmp_path, "load", "sqlite:///new.db", "-", given=dump, **variables)

    assert done.returncode == loaded.returncode == 0
    assert dump.startswith(b'{"storage":1}\n{"key":"ann","value":{"name":"Zo\xc3\xab"},"exp')
    assert dump.endswith(b'\n{"entries":3}\n')
    assert loaded.stdout == b"3 of 3 entries loaded\n"
    assert items(tmp_path / "new.db") == items(bot)


def test_a_torn_dump_is_told_and_is_the_exit_code(bot: Path, tmp_path: Path) -> None:
    dump = run(tmp_path, "dump", url(bot)).stdout

    done = run(tmp_path, "load", "sqlite:///new.db", given=dump[:-20])

    assert done.returncode == 1
    assert b"the dump is torn" in done.stdout
    assert items(tmp_path / "new.db") == items(bot)


def test_who_does_not_read_to_the_end_ends_a_dump(crowd: Path, tmp_path: Path) -> None:
    process = begun(tmp_path, "dump", url(crowd))
    assert process.stdout is not None
    assert process.stdout.readline() == b'{"storage":1}\n'
    process.stdout.close()
    assert process.stderr is not None
    told = process.stderr.read().decode()
    process.stderr.close()

    assert process.wait(60) == 1
    assert told == "python -m storage: nobody reads the output any more\n"


def test_an_interrupt_leaves_whole_entries_and_a_repeat_finishes(
    crowd: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target.db"
    process = begun(tmp_path, "copy", url(crowd), url(target))
    until(lambda: target.exists() and rows(target) > 0, process)
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)

    assert (code, out) == (130, "")
    assert re.fullmatch(
        r"interrupted: \d+ of \d+ entries copied so far; the same command finishes it\n", err
    )
    done = items(target)
    assert 0 < len(done) < MANY
    assert all(value == {"step": int(key.split()[1])} for key, value in done.items())

    again = run(tmp_path, "copy", "--verify", url(crowd), url(target))
    assert again.returncode == 0
    assert b"all the same" in again.stdout


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_dump_that_was_ended_leaves_no_file(
    crowd: Path, tmp_path: Path, end: signal.Signals
) -> None:
    file = tmp_path / "crowd.jsonl"

    def parts() -> list[Path]:
        return [part for part in tmp_path.glob("crowd.jsonl.*.part") if part.stat().st_size]

    process = begun(tmp_path, "dump", url(crowd), str(file))
    until(parts, process)
    process.send_signal(end)
    ended(process)

    assert not file.exists()
    assert len(parts()) == (end is signal.SIGKILL)
    assert run(tmp_path, "dump", url(crowd), str(file)).returncode == 0
    assert file.read_bytes().endswith(b'{"entries":%d}\n' % MANY)


MEASURED = """
import sys, tracemalloc, storage
with storage.open(sys.argv[1]) as source, storage.open(sys.argv[2]) as target:
    tracemalloc.start()
    storage.copy(source, target, verify=True)
    storage.dump(source, sys.argv[3])
    storage.load(target, sys.argv[3])
    print(tracemalloc.get_traced_memory()[1])
"""


def peak(folder: Path, count: int) -> int:
    """The most memory that moving so many entries takes."""
    source = folder / f"{count}.db"
    with storage.SqliteStorage(source) as store:
        store.set_many({f"user {number}": {"text": "x" * 100} for number in range(count)}, ttl=60)
    words = [url(source), url(folder / f"{count} copy.db"), str(folder / f"{count}.jsonl")]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *words],
        env=environment(),
        capture_output=True,
        timeout=120,
        check=True,
    )
    return int(done.stdout)


def test_five_times_as_much_takes_no_more_memory(tmp_path: Path) -> None:
    assert peak(tmp_path, 5 * 4_000) < 1.2 * peak(tmp_path, 4_000)


def test_a_terminal_shows_how_far_it_came(crowd: Path, tmp_path: Path) -> None:
    pytest.importorskip("pty", reason="this system has no pseudo-terminals")

    code, shown = at_terminal(tmp_path, "copy", url(crowd), "sqlite:///target.db")

    assert code == 0
    assert "\x1b" not in shown
    drawn = [line for line in shown.split("\r") if line.startswith("[")]
    assert len(drawn) > 1
    assert all(re.match(rf"\[#*\.*\] +\d+%  \d+ of {MANY} entries", line) for line in drawn)
    assert shown.rstrip(" ").endswith("\r")


def test_a_terminal_shows_a_count_where_the_whole_is_not_known(crowd: Path, tmp_path: Path) -> None:
    pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    run(tmp_path, "dump", url(crowd), "crowd.jsonl")

    code, shown = at_terminal(tmp_path, "load", "sqlite:///target.db", "crowd.jsonl")

    assert code == 0
    assert re.search(r"\r\d+ entries", shown)
    assert "%" not in shown


def test_nothing_is_drawn_where_there_is_no_terminal(bot: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "copy", url(bot), "sqlite:///target.db")

    assert done.stderr == b""
    assert b"\r" not in done.stdout


WRONG = [
    (["copy", "sqlite:///nowhere.db", "sqlite:///x.db"], "nowhere.db: there is no such file"),
    (["copy", "{bot}", "{bot}"], "the source and the target are one place"),
    (["copy", "{bot}", "nowhere://user:hunter2@host"], "nothing opens nowhere://"),
    (["copy", "no url", "{bot}"], "a store's URL looks like"),
    (["copy", "{bot}", "redis://:hunter2@localhost:1?timeout=0.1"], "redis:localhost:1/0: "),
    (["dump", "sqlite:///nowhere.db", "x.jsonl"], "nowhere.db: there is no such file"),
    (["dump", "{bot}", "no-such-folder/x.jsonl"], "No such file or directory"),
    (["load", "{bot}", "nowhere.jsonl"], "nowhere.jsonl: No such file or directory"),
    (["load", "{bot}", "."], "Is a directory"),
    (["load", "{bot}", "{file}"], "this is no dump of a store"),
    (["load", "sqlite:///new.db", "{file}"], "this is no dump of a store"),
    (["load", "sqlite:///new.db"], "the standard input: this is no dump of a store"),
    (["load", "{bot}", "redis://:hunter2@localhost"], "between two it is copy"),
    (["dump", "{bot}", "redis://:hunter2@localhost"], "between two it is copy"),
    (["dump", "{bot}", "{file}"], "there is a database in this file"),
    (["dump", "memory://"], "what was in memory is gone with its process"),
    (["copy", "lru://?max=10", "{bot}"], "what was in memory is gone with its process"),
    (["dump", "{bot}?table=bots"], "there is no table 'bots'"),
    (["copy", "{bot}?layout=gramio", "sqlite:///x.db"], "there is no table 'gramio_storage'"),
]


@pytest.mark.parametrize(("words", "told"), WRONG, ids=lambda value: str(value)[:40])
def test_what_can_not_be_done_is_one_line_and_an_exit_code(
    bot: Path, tmp_path: Path, words: list[str], told: str
) -> None:
    before = items(bot)
    names = {"{bot}": url(bot), "{file}": str(bot)}

    for name, place in names.items():
        words = [word.replace(name, place) for word in words]
    done = run(tmp_path, *words)

    assert (done.returncode, done.stdout) == (1, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("python -m storage: ")
    assert told in line
    assert "hunter2" not in line
    assert items(bot) == before
    assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} == {"bot.db"}


MIGRATIONS = """
import os
def first(value):
    if value == "bad":
        raise LookupError("hunter2")
    if value == "stop" and os.path.exists("stop"):
        open("stopped", "w").close()
        input()
    return {"n": value}
MIGRATIONS = {1: first}
NONE = None
NOTHING = {1: None}
HOLES = {1: first, 3: first}
async def awaited(value):
    return value
AWAITED = {1: awaited}
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store of records without versions, and what migrates them."""
    (tmp_path / "steps.py").write_text(MIGRATIONS, encoding="utf-8")
    (tmp_path / "broken.py").write_text("\nraise ValueError('hunter2')\n", encoding="utf-8")
    path = tmp_path / "old.db"
    with storage.SqliteStorage(path) as store:
        store.set_many({f"k{number:04}": number for number in range(1200)}, ttl=3600)
    return path


def test_a_store_is_migrated(old: Path, tmp_path: Path) -> None:
    with storage.SqliteStorage(old) as store:
        store.set("k0007", "bad")
    words = ["migrate", url(old), "--migrations", "steps:MIGRATIONS"]

    tried = run(tmp_path, *words, "--dry-run")
    assert (tried.returncode, tried.stdout) == (
        1,
        b"1199 of 1200 entries to migrate, 1 failed\n",
    )
    assert items(old)["k0001"] == 1
    done = run(tmp_path, *words)
    again = run(tmp_path, *words)

    assert (done.returncode, done.stdout) == (1, b"1199 of 1200 entries migrated, 1 failed\n")
    assert "key 'k0007': the migration to version 1 raised LookupError" in done.stderr.decode()
    assert b"hunter2" not in done.stderr
    assert again.stdout == b"0 of 1200 entries migrated, 1199 left as they are, 1 failed\n"
    assert items(old)["k0001"] == {"__v": 1, "data": {"n": 1}}


def test_a_migration_goes_on_where_it_was_interrupted(old: Path, tmp_path: Path) -> None:
    with storage.SqliteStorage(old) as store:
        store.set("k0900", "stop")
    (tmp_path / "stop").touch()
    words = ["migrate", url(old), "--migrations", "steps:MIGRATIONS", "--state", "state.json"]
    process = subprocess.Popen(
        command(*words),
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until((tmp_path / "stopped").exists, process)
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    noted = json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))

    assert code == 130
    assert "so far; the same command finishes it" in err
    assert noted["cursor"] == "k0499"
    assert noted["written"] == 500

    (tmp_path / "stop").unlink()
    with storage.SqliteStorage(tmp_path / "other.db"):
        elsewhere = run(tmp_path, *words[:1], "sqlite:///other.db", *words[2:])
    assert "is about another store" in elsewhere.stderr.decode()
    done = run(tmp_path, *words)
    assert done.stdout == b"800 of 1200 entries migrated, 400 left as they are\n"
    assert done.returncode == 0
    assert not (tmp_path / "state.json").exists()
    assert items(old)["k0900"] == {"__v": 1, "data": {"n": "stop"}}


@pytest.mark.parametrize(
    ("migrations", "told"),
    [
        ("steps", "write module:name"),
        ("steps.py:MIGRATIONS", "name the module, not its file: steps:MIGRATIONS"),
        ("steps:NOTHING", "--migrations: a function is wanted here, not NoneType"),
        ("steps:AWAITED", "--migrations: a migration is a plain function"),
        ("steps:HOLES", "--migrations: no migration leads to version 2"),
        ("nowhere:STEPS", "there is no module nowhere"),
        ("steps:STEPS", "the module steps has no STEPS"),
        ("broken:STEPS", "the module broken raised ValueError at broken.py:2"),
        ("steps:NONE", "NONE is no mapping of versions to functions"),
    ],
)
def test_migrations_that_are_none_are_one_line_and_an_exit_code(
    old: Path, tmp_path: Path, migrations: str, told: str
) -> None:
    done = run(tmp_path, "migrate", url(old), "--migrations", migrations)

    assert (done.returncode, done.stdout) == (1, b"")
    assert told in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1
    assert b"hunter2" not in done.stderr
    assert items(old)["k0001"] == 1


COUNTED = (
    '{"store": "s", "version": 1, "migrations": "m", "millisecond_precision": false, '
    '"cursor": "k", "looked_at": %s, "written": 0, "kept": 0, "elsewhere": 0, "failed": 0}'
)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"store": 1}', "[" * 100_000, COUNTED % "Infinity", COUNTED % '"x"']
)
def test_a_state_that_is_none_is_one_line_and_an_exit_code(
    old: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "state.json").write_text(text, encoding="utf-8")
    words = ["migrate", url(old), "--migrations", "steps:MIGRATIONS", "--state", "state.json"]

    done = run(tmp_path, *words)

    assert (done.returncode, done.stdout) == (1, b"")
    assert "state.json was not written by this command" in done.stderr.decode()
    assert (tmp_path / "state.json").read_text(encoding="utf-8") == text
    assert items(old)["k0001"] == 1


def test_conversations_go_into_a_file_and_out_of_it(tmp_path: Path) -> None:
    """And entries do not, nor the other way round."""
    message = {"role": "user", "content": "hi Zoë"}
    with storage.SqliteStorage(tmp_path / "bot.db") as store:
        talk = storage.Conversation(store, max_messages=None)
        talk.append_many("100:7", [message] * 30)
        store.set("ann", 1)

    written = run(tmp_path, "dump", "--conversations", "sqlite:///bot.db", "talks.jsonl")
    first = run(tmp_path, "load", "--conversations", "sqlite:///new.db", "talks.jsonl")
    again = run(tmp_path, "load", "--conversations", "--keep", "sqlite:///new.db", "talks.jsonl")
    entries = run(tmp_path, "dump", "sqlite:///bot.db")
    wrong = run(tmp_path, "load", "--conversations", "sqlite:///new.db", given=entries.stdout)

    assert (written.returncode, written.stdout) == (0, b"30 of 30 messages dumped\n")
    assert (first.returncode, first.stdout) == (0, b"30 of 30 messages loaded\n")
    assert again.stdout == b"0 of 30 messages loaded, 30 left as they are\n"
    assert b"hi" not in entries.stdout
    assert (wrong.returncode, wrong.stdout) == (1, b"")
    assert b"these are no conversations" in wrong.stderr
    with storage.SqliteStorage(tmp_path / "new.db") as store:
        talk = storage.Conversation(store)
        assert (talk.list("100:7"), talk.append("100:7", message)) == ([message] * 30, 31)
        assert list(store.keys()) == []


def test_conversations_have_no_expiry_that_could_be_dropped(tmp_path: Path) -> None:
    done = run(tmp_path, "load", "--conversations", "--drop-expiry", "sqlite:///new.db", "-")

    assert done.returncode == 1
    assert b"--drop-expiry is for entries" in done.stderr
    assert not (tmp_path / "new.db").exists()
