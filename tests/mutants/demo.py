"""Bugs in what the demo bot and the guide show of rate limits and of conversations."""

from __future__ import annotations

from .bug import Bug

_DEMO = "storage/cli/demo.py"


def _demo(words: str) -> tuple[str, ...]:
    return ("tests/cli/test_demo.py", "-k", words)


def _bots(words: str) -> tuple[str, ...]:
    return ("tests/docs/test_bots.py", "-k", words)


def _remembered(words: str) -> tuple[str, ...]:
    return ("tests/limits/test_remembered.py", "-k", words)


BUGS = [
    Bug(
        "demo-limits-a-chat",
        "the demo limits one person in one chat",
        _DEMO,
        "self._limiter.hit(self._speaker())",
        "self._limiter.hit(self.chat)",
        _demo("told_once"),
    ),
    Bug(
        "demo-tells-a-flooder-each-time",
        "who types too fast is told once",
        _DEMO,
        "if verdict.is_first_refusal:",
        "if not verdict.allowed:",
        _demo("heard_again"),
    ),
    Bug(
        "demo-counts-what-it-does-not-hear",
        "what is not heard is not counted",
        _DEMO,
        "        if verdict:\n            return f",
        "        self._count(text)\n        if verdict:\n            return f",
        _demo("heard_again or told_once"),
    ),
    Bug(
        "demo-limits-commands",
        "commands are answered however often they come",
        _DEMO,
        '        if not text.startswith("/"):\n            return self._hear(text)\n',
        '        if not text.startswith("/"):\n            return self._hear(text)\n'
        '        if not self._limiter.hit(self._speaker()):\n            return "..."\n',
        _demo("commands_are"),
    ),
    Bug(
        "demo-forgets-who-was-too-fast",
        "a restart of the demo lets nothing more pass",
        _DEMO,
        "RateLimiter(store, LIMIT, tells_once=True)",
        'RateLimiter(open_store("memory://"), LIMIT, tells_once=True)',
        _demo("second_process_knows"),
    ),
    Bug(
        "demo-remembers-what-it-does-not-hear",
        "what is not heard is not remembered",
        _DEMO,
        "        if verdict:\n            return f",
        "        self._reply(text)\n        if verdict:\n            return f",
        _demo("not_heard_is_not_remembered"),
    ),
    Bug(
        "demo-talks-with-all-of-a-chat",
        "the demo remembers the talk of each one in each chat",
        _DEMO,
        '        speaker = self._speaker()\n        self._talks.append(speaker, {"role": "user"',
        '        speaker = self.chat\n        self._talks.append(speaker, {"role": "user"',
        _demo("remembers_the_talk"),
    ),
    Bug(
        "demo-forgets-its-answers",
        "what was answered is part of the talk",
        _DEMO,
        '        self._talks.append(speaker, {"role": "assistant", "content": said})\n',
        "",
        _demo("talk_is_a_conversation"),
    ),
    Bug(
        "demo-never-lets-go",
        "the demo remembers the last messages",
        _DEMO,
        "max_messages=REMEMBERED",
        "max_messages=None",
        _demo("last_messages"),
    ),
    Bug(
        "demo-forgets-no-talk",
        "who is forgotten is known by no name",
        _DEMO,
        "was_heard = self._talks.clear(self._speaker())",
        "was_heard = False",
        _demo("known_by_no_name"),
    ),
    Bug(
        "demo-takes-back-an-answer-only",
        "a question and its answer are taken back together",
        _DEMO,
        "taken = self._talks.undo(self._speaker())",
        "taken = [one for one in [self._talks.pop(self._speaker())] if one]",
        _demo("taken_back"),
    ),
    Bug(
        "demo-answers-an-answer",
        "what was answered meanwhile is no question",
        "storage/cli/answerer.py",
        'if message["role"] == "user"]\n    if not',
        'if message["role"]]\n    if not',
        ("tests/cli/test_answerer.py",),
    ),
    Bug(
        "demo-keeps-to-the-first-name",
        "a name is what a user said last to be called",
        "storage/cli/answerer.py",
        'for text in reversed(_texts(before, "user"))',
        'for text in _texts(before, "user")',
        ("tests/cli/test_answerer.py",),
    ),
    Bug(
        "example-hears-a-message-twice",
        "a message that comes a second time is remembered once",
        "examples/telebot_conversation.py",
        ', once=f"question {number}")',
        ")",
        _bots("second_time and telebot"),
    ),
    Bug(
        "example-answers-a-message-twice",
        "a message that comes a second time is remembered with its first answer",
        "examples/aiogram_conversation.py",
        ', once=f"answer {number}")',
        ")",
        _bots("second_time and aiogram"),
    ),
    Bug(
        "example-talks-with-nobody",
        "with who hides behind a chat there is no talk",
        "examples/telebot_conversation.py",
        "key, number = self.key_of(message), message.message_id",
        "key, number = self.key_of(message) or 'nobody', message.message_id",
        _bots("hides_behind and telebot"),
    ),
    Bug(
        "a-remembered-refusal-is-news",
        "a refusal is the first one once",
        "storage/core/denials.py",
        "decision._replace(is_news=False)",
        "decision",
        _remembered("same_moment"),
    ),
    Bug(
        "a-remembered-refusal-hides-a-bad-cost",
        "a cost that can never pass is refused every time",
        "storage/core/denials.py",
        "self.least <= cost <= self.most",
        "self.least <= cost",
        _remembered("cost"),
    ),
    Bug(
        "a-place-given-back-leaves-refusals",
        "who gives a place back ends what is remembered",
        "storage/limiter.py",
        "self._label, error)\n        self._forget()\n",
        "self._label, error)\n",
        _remembered("place"),
    ),
    Bug(
        "who-waits-for-a-slot-never-pauses",
        "who waits for a slot asks ever less",
        "storage/slots.py",
        "tuple(pauses(500))[:-1]",
        "tuple(pauses(500))",
        ("tests/docs/test_limit_trips.py", "-k", "ever_less"),
    ),
]
