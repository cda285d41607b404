"""Conversations in a file are lines of JSON, and what is loaded of it are those that were there."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import ConfigurationError, ConflictError, CorruptValueError
from storage.testing import Clock
from tests.conversation.standing import Ground, called, params, result, said, standing

SYSTEM = said("Be brief.", "system")
HEADER = b'{"conversations":1}\n'


@pytest.fixture(params=params("memory", "sqlite", "dict", "valkey"))
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    folder = tmp_path / "stores"
    folder.mkdir()
    with standing(request, folder) as ground:
        yield ground


@pytest.fixture(params=params("memory"))
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground for what is decided above all stores."""
    folder = tmp_path / "stores"
    folder.mkdir()
    with standing(request, folder) as ground:
        yield ground


@pytest.fixture(params=params("memory", "sqlite"))
def clocked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground by whose clock this machine goes too."""
    folder = tmp_path / "stores"
    folder.mkdir()
    with standing(request, folder) as ground:
        yield ground


def talking(ground: Ground, name: str = "here", **options: Any) -> Any:
    """Conversations of their own."""
    base = ground.place.base.namespace(name)
    return ground.conversation(store=base, **{"max_messages": None, **options})


def dumped(talk: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    assert talk.dump(out, **options).is_whole
    return out.getvalue()


def loaded(talk: Any, text: bytes | str, **options: Any) -> Any:
    raw = text.encode() if isinstance(text, str) else text
    return talk.load(io.BytesIO(raw), **options)


def told(talk: Any, key: str) -> list[Any]:
    return [[*one[:1], *one[3:]] for one in talk.list(key).records]


def problems(report: Any) -> list[str]:
    return [str(failure.error) for failure in report.failures]


def test_a_file_is_what_the_page_says(memory: Ground) -> None:
    talk = talking(memory, ttl=60)
    talk.append_many("100:7", [SYSTEM, said("hi Zoë\n\u2028")], tokens=[8, None])
    memory.clock.tick(1.5)
    talk.append("100:7", said("hello", "assistant"))
    talk.pop("100:7")

    assert dumped(talk).decode() == (
        '{"conversations":1}\n'
        '{"key":"100:7","began":"2023-11-14T22:13:20.457Z","ends":"2023-11-14T22:14:21.957Z",'
        '"last_seq":3}\n'
        '{"key":"100:7","seq":1,"at":"2023-11-14T22:13:20.457Z","tokens":8,"stays":true,'
        '"message":{"role":"system","content":"Be brief."}}\n'
        '{"key":"100:7","seq":2,"at":"2023-11-14T22:13:20.457Z","tokens":6,"estimate":true,'
        '"message":{"role":"user","content":"hi Zoë\\n\u2028"}}\n'
        '{"messages":2}\n'
    )


def varied(talk: Any, clock: Clock) -> None:
    """Conversations with everything in them."""
    talk.append_many("100:7", [SYSTEM, said("a"), called("x", "y"), result("x")])
    clock.tick(2)
    talk.append("100:7", said("ok \ud83d \u2028 é"), tokens=9, pin=True)
    talk.append_many("100:7", [result("y"), result("nobody"), said("late", "system")])
    talk.append("100:7", said("x" * 5000, "moderator"))
    talk.pin("100:7", 3)
    talk.delete("100:7", 2)
    clock.tick(0.25)
    talk.append_many("nul\0 ~ß\n", [said("only"), said("gone")])
    talk.pop("nul\0 ~ß\n")
    talk.append_many("trimmed", [said("one"), said("two", "system"), said("three")])
    talk.delete("trimmed", 1)
    talk.append("emptied", said("x"))
    talk.pop("emptied")
    talk.append("waiting", called("z"))


def test_what_is_loaded_is_what_was_there(ground: Ground) -> None:
    here, there = talking(ground, on_orphan="keep"), talking(ground, "there", on_orphan="keep")
    varied(here, ground.clock)
    file = dumped(here)

    report = loaded(there, file)

    assert (report.is_whole, report.written, report.looked_at) == (True, 12, 12)
    assert sorted(there.keys()) == sorted(here.keys())
    for key in here.keys():
        assert there.list(key) == here.list(key)
        assert there.list(key).records == here.list(key).records
        assert there.window(key) == here.window(key)
        assert there.usage(key)._replace(changed=0) == here.usage(key)._replace(changed=0)
    assert sorted(dumped(there).splitlines()) == sorted(file.splitlines())


def test_what_is_loaded_goes_on_where_it_was(ground: Ground) -> None:
    """Numbers go on, calls wait still, and trimming takes what it would have taken."""
    here, there = talking(ground), talking(ground, "there")
    varied(talking(ground, on_orphan="keep"), ground.clock)
    assert loaded(there, dumped(here)).is_whole

    for name in ("here", "there"):
        talk = talking(ground, name, max_messages=7)
        assert talk.append("emptied", said("again")) == 2
        assert talk.append("nul\0 ~ß\n", said("again"), if_seq=2) == 3
        assert talk.append("waiting", result("z")) == 2
        talk.append_many("100:7", [said("next"), called("w"), result("w")])
    for key in ("100:7", "waiting", "nul\0 ~ß\n", "emptied"):
        assert told(there, key) == told(here, key)
        assert there.list(key) == here.list(key)


@pytest.mark.parametrize("seed", range(4))
def test_a_pinned_call_stays_with_its_results(memory: Ground, seed: int) -> None:
    here, there = talking(memory), talking(memory, "there")
    here.append_many("k", [said("a"), called("x"), result("x"), *[said("more")] * seed])
    here.pin("k", 2)

    assert loaded(there, dumped(here)).is_whole

    small = talking(memory, "there", max_messages=2)
    small.append("k", said("last"))
    assert [one["role"] for one in small.list("k")] == ["assistant", "tool"]


def test_who_is_asked_for_is_written(memory: Ground) -> None:
    talk = talking(memory)
    for key in ("100:7", "100:8", "200:7"):
        talk.append(key, said(key))

    lines = [json.loads(line) for line in dumped(talk, user=7).splitlines()]

    assert {line.get("key") for line in lines} == {None, "100:7", "200:7"}


def test_lines_written_by_hand_are_enough(memory: Ground) -> None:
    talk = talking(memory, count_tokens=len)
    text = (
        '{"key":"a","message":{"role":"system","content":"Be brief."}}\n'
        '\n{"key": "a", "message": {"role": "user", "content": "hi"}, "at": '
        '"2030-01-02T03:04:05.5+01:00", "seq": 7}\r\n'
        '{"key":"a","message":{"role":"assistant","content":"yo"},"stays":true,"tokens":3}\n'
        '{"key":"b","message":{"role":"tool","tool_call_id":"x","content":"late"}}'
    )

    report = loaded(talk, text)

    assert (report.is_whole, report.written) == (True, 4)
    assert [one[0] for one in talk.list("a").records] == [1, 7, 8]
    assert told(talk, "a") == [[1, 2, False, True], [7, 2, False, False], [8, 3, False, True]]
    ats = [one.at.isoformat() for one in talk.list("a").records]
    assert ats[0] == memory.at().isoformat()
    assert ats[1:] == ["2030-01-02T02:04:05.500000+00:00"] * 2
    assert talk.list("b")[0]["content"] == "late"
    assert talk.window("b") == []


def line(**members: Any) -> str:
    return json.dumps({"key": "k", "message": said("hunter2"), **members}) + "\n"


BAD = {
    "no JSON hunter2\n": "line 3: it is no JSON object",
    "[]\n": "line 3: it is no JSON object",
    '{"message":{"role":"user"}}\n': "line 3: it is no line of a conversation",
    '{"conversations":1}\n': "line 3: it is no line of a conversation",
    '{"key":"\\ud83d","message":{"role":"user"}}\n': "line 3: its key can not be read",
    line(message=None): "line 3: its message can not be read",
    line(message={"content": "hunter2"}): "line 3: $.role: a message has a role, which is a text",
    line(message=said("x" * 3000)): "line 3: $: 3028 bytes are more than the 2000",
    line(seq=1): "line 3: its number is not larger than that of the message before it",
    line(seq=2**31 + 1): "line 3: its seq can not be read",
    line(at="2020-01-01T00:00:00.000Z"): "line 3: it came before the message before it",
    line(at="yesterday"): "line 3: its at can not be read: it is no date such as 2026-",
    line(at="2026-02-31T00:00:00Z"): "line 3: its at can not be read",
    line(at="1969-02-01T00:00:00Z"): "line 3: its at can not be read",
    line(at=5): "line 3: its at can not be read",
    line(tokens=-1): "line 3: its tokens can not be read",
    line(tokens=2**24): "line 3: its tokens can not be read",
    line(tokens=True): "line 3: its tokens can not be read",
    line(stays="yes"): "line 3: its stays can not be read",
    line(estimate=1): "line 3: its estimate can not be read",
    line(pinned=True): "line 3: it has members that no message has",
    '{"key":"k","last_seq":9}\n': "line 3: what is told about a conversation comes before its",
    '{"key":"k","value":9}\n': "line 3: it is no line of a conversation",
}


@pytest.mark.parametrize("bad", BAD)
def test_a_wrong_line_is_named_and_nothing_of_its_conversation_is_there(
    memory: Ground, bad: str
) -> None:
    talk = talking(memory, max_bytes=2000)
    text = line(key="before") + line() + bad + line() + line(key="after")

    report = loaded(talk, text)

    (problem,) = problems(report)
    assert BAD[bad] in problem
    assert "hunter2" not in problem
    assert list(talk.keys()) == ["after", "before"]
    assert (report.written, report.failed, report.looked_at) == (2, *_left_out(bad))
    assert not report.is_whole


def _left_out(bad: str) -> tuple[int, int]:
    return (2, 4) if '"last_seq"' in bad else (3, 5)


def test_bytes_that_are_no_text_are_a_wrong_line(memory: Ground) -> None:
    talk = talking(memory)

    report = loaded(talk, line().encode() + b'{"key":"\xff"}\n')

    assert "line 2: it is not UTF-8" in problems(report)[0]
    assert list(talk.keys()) == []


def test_a_wrong_line_between_two_may_be_of_either(memory: Ground) -> None:
    talk = talking(memory)

    report = loaded(talk, line(key="a") + line(key="b") + "{\n" + line(key="c") + line(key="d"))

    assert list(talk.keys()) == ["a", "d"]
    assert (report.written, report.failed, len(report.failures)) == (2, 3, 1)


def test_lines_of_one_conversation_stand_together(memory: Ground) -> None:
    """Or somebody would have a part of it, or lose one."""
    talk = talking(memory)

    for existing in ("refuse", "replace"):
        report = loaded(talk, line() + line(key="b") + line(), existing=existing)

        assert "line 3: its lines are not together" in problems(report)[-1]
        assert len(talk.list("k")) == 1


def test_too_many_that_stay_are_refused(memory: Ground) -> None:
    talk = talking(memory)

    report = loaded(talk, line(stays=True) * 257 + line(key="b"))

    assert "line 257: more than 256 messages" in problems(report)[0]
    assert list(talk.keys()) == ["b"]


@pytest.mark.parametrize("cut", range(1, 4))
def test_of_a_torn_file_what_is_whole_is_there(memory: Ground, cut: int) -> None:
    """The last conversation may have gone on."""
    here, there = talking(memory), talking(memory, "there")
    for key in ("a", "b"):
        here.append_many(key, [said("hi"), said("there")])
    lines = dumped(here).splitlines(keepends=True)
    torn = b"".join(lines[:-cut]) + (lines[-cut][:9] if cut > 1 else b"")

    report = loaded(there, torn)

    assert report.is_torn
    assert not report.is_whole
    assert list(there.keys()) == ["a"]
    assert there.list("a") == here.list("a")


def test_a_file_that_lost_a_line_is_torn(memory: Ground) -> None:
    here, there = talking(memory), talking(memory, "there")
    here.append_many("a", [said("hi"), said("there")])
    lines = dumped(here).splitlines(keepends=True)

    assert loaded(there, b"".join(lines[:3] + lines[4:])).is_torn
    report = loaded(talking(memory, "more"), b"".join(lines + lines[1:]))
    assert report.is_torn
    assert "line 6: it follows the end" in problems(report)[0]


@pytest.mark.parametrize(
    "text",
    ["", "\n", '{"storage":1}\n{"entries":0}\n', '{"conversations":"1"}\n', "hunter2", '{"key"'],
)
def test_what_are_no_conversations_is_refused(memory: Ground, text: str) -> None:
    with pytest.raises(ConfigurationError, match="these are no conversations") as caught:
        loaded(talking(memory), text)
    assert "hunter2" not in str(caught.value)


def test_a_file_of_newer_code_is_refused(memory: Ground) -> None:
    with pytest.raises(ConfigurationError, match="format 2, and this code knows 1"):
        loaded(talking(memory), '{"conversations":2}\n')


def test_a_conversation_that_is_there_stays_unless_it_is_to_go(ground: Ground) -> None:
    here, there = talking(ground), talking(ground, "there")
    here.append_many("a", [said("new"), said("newer")])
    here.append("b", said("new"))
    there.append("a", said("old"))
    file = dumped(here)

    report = loaded(there, file)
    assert (report.written, report.failed, report.is_whole) == (1, 2, False)
    (failure,) = report.failures
    assert isinstance(failure.error, ConflictError)
    assert failure.key == "a"
    assert there.list("a") == [said("old")]
    report = loaded(there, file, existing="keep")
    assert (report.kept, report.is_whole, there.list("a")) == (3, True, [said("old")])
    report = loaded(there, file, existing="replace")
    assert (report.written, report.is_whole) == (3, True)
    assert there.list("a") == here.list("a")


def test_one_that_gives_way_is_there_until_another_one_is(tmp_path: Path) -> None:
    path, seen = tmp_path / "bot.db", set()
    with (
        closing(sqlite3.connect(path)) as connection,
        storage.SqliteStorage(connection) as store,
        storage.SqliteStorage(path) as other,
    ):
        talk, witness = storage.Conversation(store), storage.Conversation(other)
        talk.append("a", said("new"))
        file = dumped(talk)
        talk.append("a", said("old"))

        connection.set_trace_callback(lambda _: seen.add(len(witness.list("a"))))
        assert loaded(talk, file, existing="replace").written == 1
        connection.set_trace_callback(None)

        assert witness.list("a") == [said("new")]
    assert seen == {2}


def test_what_nobody_can_read_gives_way(tmp_path: Path) -> None:
    with storage.SqliteStorage(tmp_path / "bot.db") as store:
        talk = storage.Conversation(store)
        talk.append("a", said("hi"))
        file = dumped(talk)
        with closing(sqlite3.connect(tmp_path / "bot.db")) as connection:
            connection.execute("UPDATE storage_messages SET record = x'00', at = 'soon'")
            connection.commit()

        assert loaded(talk, file, existing="replace").written == 1
        assert talk.list("a") == [said("hi")]


def test_a_wrong_word_is_refused_before_the_file_is_read(memory: Ground, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="existing must be"):
        talking(memory).load(tmp_path / "none", existing="yes")
    with pytest.raises(ValueError, match="on_corrupt must be"):
        talking(memory).dump(tmp_path / "none", on_corrupt="yes")
    assert not (tmp_path / "none").exists()


def test_what_is_over_is_left_out(memory: Ground) -> None:
    here = talking(memory, ttl=60)
    here.append_many("a", [said("hi"), said("there")])
    memory.clock.tick(30)
    here.append("b", said("hi"))
    file = dumped(here)
    memory.clock.tick(40)

    report = loaded(talking(memory, "there"), file)

    assert (report.written, report.over, report.is_whole) == (1, 2, True)
    assert list(talking(memory, "there").keys()) == ["b"]


def test_an_end_is_that_of_the_file_unless_another_is_told(clocked: Ground) -> None:
    ground = clocked
    here = talking(ground, ttl=60)
    here.append("k", said("hi"))
    file = dumped(here)
    ground.clock.tick(20)

    def ends(name: str, **options: Any) -> Any:
        talk = talking(ground, name, **options)
        loaded(talk, file)
        usage = talk.usage("k")
        return usage and usage.ends and round((usage.ends - ground.at()).total_seconds(), 1)

    assert ends("own") == 40
    assert ends("ttl", ttl=100) == 100
    assert ends("age", max_age=100) == 80
    assert ends("over", max_age=10) is None


def test_what_can_not_be_read_is_told_and_left_out(memory: Ground, tmp_path: Path) -> None:
    talk = talking(memory)
    talk.append_many("k", [said("a"), said("b")])
    talk.append("other", said("c"))
    names = memory.place.base.namespace("here")._layers.names
    talks = memory.place._room._talks.talks  # type: ignore[attr-defined]
    bad = talks[names.reserved("history", "k")]
    one, raw = bad.tail[1]
    bad.tail[1] = (one, raw[:-3])

    path = tmp_path / "file"
    with pytest.raises(CorruptValueError, match="message 2"):
        talk.dump(path)
    assert not path.exists()
    heard: list[Exception] = []
    for policy in ("skip", heard.append):
        report = talk.dump(path, on_corrupt=policy)
        assert (report.looked_at, report.written, report.failed) == (3, 2, 1)
    assert [str(error) for error in heard] == problems(report)
    assert path.read_bytes().splitlines()[-1] == b'{"messages":2}'
    there = talking(memory, "there")
    assert there.load(path).is_whole
    assert there.append("k", said("next")) == 3


def test_at_a_path_there_is_nothing_until_it_is_whole(memory: Ground, tmp_path: Path) -> None:
    talk, path = talking(memory), tmp_path / "talks.jsonl"
    talk.append("k", said("hi"))

    def interrupt(report: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        talk.dump(path, progress=interrupt)
    assert not [one for one in tmp_path.iterdir() if one.is_file()]
    seen: list[int] = []
    talk.dump(path, progress=lambda report: seen.append(report.written))
    assert seen == [1]
    talk.clear("k")
    with pytest.raises(ConfigurationError, match="nothing could be dumped"):
        talk.dump(path)
    there = talking(memory, "there")
    assert there.load(path, progress=lambda report: seen.append(report.written)).written == 1
    assert seen == [1, 1]


def test_no_entries_are_conversations(memory: Ground, tmp_path: Path) -> None:
    """What dumps a store knows nothing of them, and they know nothing of it."""
    base = memory.place.base
    store = memory.bridge.driven(base.namespace("here"))
    store.set("k", 1)
    talking(memory).append("k", said("hi"))
    half = memory.half
    out = io.BytesIO()

    report = memory.bridge.call(lambda: half.dump(base, out)) if half is not storage else None
    report = half.dump(base, out) if report is None else report

    assert report.written == 1
    assert b"hi" not in out.getvalue()
    assert b'"value"' not in dumped(talking(memory))


def test_what_belongs_together_is_kept_so_by_who_marks_differently(memory: Ground) -> None:
    """A message says itself what it is: marks that are wrong are not carried on."""
    talk = talking(memory)
    talk.append_many("k", [said("a"), called("x"), result("x")])
    text = dumped(talk).decode()
    again = re.sub(r'"seq":3(.*?),"message"', r'"seq":3\1,"stays":true,"message"', text)

    there = talking(memory, "there")
    assert loaded(there, again).is_whole

    assert [one.stays for one in there.list("k").records] == [False] * 3


def test_no_more_than_one_conversation_is_held_at_a_time(tmp_path: Path) -> None:
    store = storage.SqliteStorage(tmp_path / "bot.db")
    talk = storage.Conversation(store, max_messages=None)
    for key in range(40):
        talk.append_many(str(key), [said("x" * 1000)] * 250)
    there = storage.Conversation(store.namespace("there"), max_messages=None)
    path = tmp_path / "talks.jsonl"
    peaks = []
    for work in (talk.dump, there.load):
        tracemalloc.start()
        report = work(path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert report.written == 10_000
    store.close()

    assert path.stat().st_size > 10_000_000
    assert max(peaks) < 4_000_000
