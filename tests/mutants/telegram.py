"""Bugs in the limits of bots on Telegram."""

from __future__ import annotations

from .bug import Bug

PAGE = "docs/guide/telegram.md"


def _sending(words: str) -> tuple[str, ...]:
    return ("tests/telegram/test_sending.py", "-k", words)


def _flooding(words: str) -> tuple[str, ...]:
    return ("tests/telegram/test_flooding.py", "-k", words)


def _shown(words: str) -> tuple[str, ...]:
    return ("tests/telegram/test_frameworks.py", "-k", words)


def _bots(words: str) -> tuple[str, ...]:
    return ("tests/docs/test_bots.py", "-k", words)


BUGS = [
    Bug(
        "telegram-no-margin",
        "windows are longer by the margin",
        "storage/core/telegram.py",
        "per_ms=limit.per_ms + longer",
        "per_ms=limit.per_ms",
        _sending("margin"),
    ),
    Bug(
        "telegram-groups-like-users",
        "a group gets twenty messages a minute",
        "storage/core/telegram.py",
        'return address.startswith(("-", "@"))',
        "return False",
        _sending("twenty and memory"),
    ),
    Bug(
        "telegram-channel-like-a-user",
        "a channel gets twenty messages a minute",
        "storage/core/telegram.py",
        'return address.startswith(("-", "@"))',
        'return address.startswith("-")',
        _sending("twenty and memory"),
    ),
    Bug(
        "telegram-user-like-a-group",
        "a user is no group",
        "storage/core/telegram.py",
        'return address.startswith(("-", "@"))',
        "return True",
        _sending("no_group and memory"),
    ),
    Bug(
        "telegram-name-written-otherwise",
        "a chat is the same however it is written",
        "storage/core/telegram.py",
        "return str(chat).lower()",
        "return str(chat)",
        _sending("however"),
    ),
    Bug(
        "telegram-limits-shared-with-others",
        "what a bot counts otherwise is no message",
        "storage/core/telegram.py",
        'name=limit.name or "outbound"',
        "name=limit.name",
        _sending("same_numbers"),
    ),
    Bug(
        "telegram-other-errors-tried-again",
        "an error of a limiter is no refusal of Telegram",
        "storage/core/telegram.py",
        "    if isinstance(error, StorageError):\n        return None\n",
        "",
        _sending("other_error"),
    ),
    Bug(
        "telegram-time-in-json-unread",
        "pyTelegramBotAPI tells the time in the JSON of the answer",
        "storage/core/telegram.py",
        'told = _seconds(parameters.get("retry_after"))',
        "pass",
        _sending("refused_is_sent_again"),
    ),
    Bug(
        "telegram-timedelta-unread",
        "a time may be a timedelta",
        "storage/core/telegram.py",
        "        told = told.total_seconds()\n",
        "        return None\n",
        _sending("refused_is_sent_again"),
    ),
    Bug(
        "telegram-refusal-without-a-time-raised",
        "a refusal need not say for how long",
        "storage/core/telegram.py",
        "return _SOON if told is None else told",
        "return told",
        _sending("refused_is_sent_again"),
    ),
    Bug(
        "telegram-chat-not-paused",
        "a refusal pauses the chat for everybody",
        "storage/telegram.py",
        "                unpaused = self._paused(way, seconds)",
        "                unpaused = seconds",
        _sending("pauses_that_chat and memory"),
    ),
    Bug(
        "telegram-everything-paused",
        "a refusal pauses no other chat",
        "storage/telegram.py",
        "        try:\n            way._limiter.block(seconds=seconds, **way.values)",
        "        try:\n            self._private._limiter.block(seconds=seconds)",
        _sending("pauses_that_chat and memory"),
    ),
    Bug(
        "telegram-tried-for-ever",
        "what is refused again and again is raised",
        "storage/telegram.py",
        "if attempt > self._attempts or",
        "if attempt > 4 or",
        _sending("again_and_again"),
    ),
    Bug(
        "telegram-waited-for-too-long",
        "who would wait for too long is told so at once",
        "storage/telegram.py",
        "return verdict.refused_by is None or monotonic() + verdict.retry_after > end",
        "return verdict.refused_by is None",
        _sending("for_too_long"),
    ),
    Bug(
        "telegram-unstored-pause-for-too-long",
        "a pause that can not be stored is not waited for if it is too long",
        "storage/telegram.py",
        " or monotonic() + unpaused > end:",
        ":",
        _sending("too_long_to_wait"),
    ),
    Bug(
        "telegram-out-of-order",
        "who waits for one chat comes in order",
        "storage/telegram.py",
        'with self._keys.hold(f"line {way.name}"):',
        'with self._keys.hold(f"line {way.name} {monotonic()}"):',
        _sending("comes_in_order"),
    ),
    Bug(
        "telegram-refused-behind-the-others",
        "what was refused is sent before what waits",
        "storage/telegram.py",
        "                verdict = self._again(way, end, unpaused)",
        "                verdict = self._in_line(way, end)",
        _sending("before_what_waits"),
    ),
    Bug(
        "telegram-chat-keeps-others-waiting",
        "a chat that is full keeps nobody waiting",
        "storage/telegram.py",
        "if limit is None or limit.key != ALL or _is_hopeless(verdict, end):",
        "if limit is None or _is_hopeless(verdict, end):",
        _sending("keeps_nobody"),
    ),
    Bug(
        "telegram-all-ask-at-once",
        "one at a time asks whether all may go on",
        "storage/telegram.py",
        "with self._keys.hold(ALL):",
        'with self._keys.hold(f"{ALL} {way.name}"):',
        _sending("one_at_a_time"),
    ),
    Bug(
        "telegram-unstored-pause-forgotten",
        "a pause that can not be stored is waited for",
        "storage/telegram.py",
        "            return seconds\n        return 0",
        "        return 0",
        _sending("policy"),
    ),
    Bug(
        "telegram-denied-for-ever",
        "without a store, who is denied is told so at once",
        "storage/telegram.py",
        "return verdict.refused_by is None or monotonic()",
        "return monotonic()",
        _sending("policy"),
    ),
    Bug(
        "telegram-flooder-answered-by-each",
        "a flooder is answered once in a window",
        "storage/telegram.py",
        "if not verdict and verdict.is_first_refusal and self._answer is not None:",
        "if not verdict and self._answer is not None:",
        _flooding("answered_once and memory"),
    ),
    Bug(
        "telegram-group-like-a-private-chat",
        "a group gets twenty a minute",
        "storage/telegram.py",
        "way = self._group if is_from_group(event) else self._private",
        "way = self._private",
        _flooding("group_gets"),
    ),
    Bug(
        "telegram-supergroup-like-a-private-chat",
        "a supergroup is a group",
        "storage/core/telegram.py",
        '_GROUPS: Final = ("group", "supergroup")',
        '_GROUPS: Final = ("group",)',
        _flooding("group_gets"),
    ),
    Bug(
        "telegram-chat-without-a-user-passes",
        "what has no user is counted by its chat",
        "storage/core/telegram.py",
        'keyed_by("chat", "user"), keyed_by("chat"), keyed_by("user"))',
        'keyed_by("chat", "user"),)',
        _flooding("other_way_round"),
    ),
    Bug(
        "telegram-nobody-passes-in-strict",
        "what is from nobody is refused where that is said",
        "storage/telegram.py",
        "Told(not self._strict,",
        "Told(True,",
        _flooding("from_nobody"),
    ),
    Bug(
        "telegram-names-count-together",
        "what has another name is counted apart",
        "storage/core/telegram.py",
        "limit if limit.name else limit._replace(name=name)",
        "limit",
        _flooding("another_name"),
    ),
    Bug(
        "telegram-bad-limit-unnamed",
        "what is no limit is called by its name",
        "storage/core/telegram.py",
        '        raise TypeError(f"{which} must be {wanted}, not {type(given).__name__}")\n',
        "        pass\n",
        _sending("called_by_its_name"),
    ),
    Bug(
        "telegram-bad-pause-unnamed",
        "what is no pause is called by its name",
        "storage/telegram.py",
        "        check_pause(seconds)\n",
        "",
        _sending("no_pause"),
    ),
    Bug(
        "telegram-bad-function-unnamed",
        "what is no function is called by its name",
        "storage/runtime.py",
        'f"{name} must be a function" if name else "a function is wanted here"',
        '"a function is wanted here"',
        _flooding("called_by_its_name"),
    ),
    Bug(
        "telegram-told-with-the-margin",
        "what is sent is told without the margin",
        "storage/telegram.py",
        "        limits = listed(self._group.limits, self._longer)\n",
        "        limits = listed(self._group.limits)\n",
        _sending("without_the_margin"),
    ),
    Bug(
        "telegram-page-paces-what-a-bot-does",
        "that a bot is typing is no message",
        PAGE,
        ' and method != "sendChatAction"',
        "",
        _shown("messages_are_paced"),
    ),
    Bug(
        "telegram-page-forgets-copies",
        "what is copied is a message",
        PAGE,
        '("send", "copy", "forward")',
        '("send", "forward")',
        _shown("messages_are_paced"),
    ),
    Bug(
        "telegram-page-wants-a-chat",
        "what is sent may go to no chat",
        PAGE,
        'getattr(method, "chat_id", None)',
        "method.chat_id",
        _shown("aiogram_asks_for"),
    ),
    Bug(
        "telegram-page-paces-everything",
        "what sends nothing goes at once",
        PAGE,
        "        if not is_message(endpoint):\n",
        "        if False:\n",
        _shown("python_telegram_bot_asks_for"),
    ),
    Bug(
        "telegram-example-sends-at-once",
        "a bot of the examples sends one a second to a chat",
        "examples/telebot_limits.py",
        "        self.outbound.send(message.chat.id, self.bot.reply_to, message, text)\n",
        "        self.bot.reply_to(message, text)\n",
        _bots("message_in_a_second and telebot"),
    ),
    Bug(
        "telegram-example-answers-nobody",
        "who types too fast for a bot of the examples is told so",
        "examples/aiogram_limits.py",
        ", answer=echo.too_fast)",
        ")",
        _bots("told_once and aiogram"),
    ),
]
