"""Bugs in the sessions of openai-agents."""

from __future__ import annotations

from .bug import Bug

FILE = "storage/contrib/openai_agents.py"


def _sessions(words: str) -> tuple[str, ...]:
    return ("tests/contrib/test_openai_agents.py", "-k", words)


def _popping(words: str) -> tuple[str, ...]:
    return ("tests/conversation/test_popping.py", "-k", words)


BUGS = [
    Bug(
        "agents-items-trimmed",
        "every item is kept",
        FILE,
        "            max_messages=None,\n",
        "",
        _sessions("would_do and memory"),
    ),
    Bug(
        "agents-orphans-refused",
        "a result without a call is kept",
        FILE,
        'on_orphan="keep"',
        'on_orphan="raise"',
        _sessions("comes_back and memory"),
    ),
    Bug(
        "agents-roles-wanted",
        "an item need not have a role",
        FILE,
        "    _means = staticmethod(meaning_of)\n",
        "    pass\n",
        _sessions("comes_back and memory"),
    ),
    Bug(
        "agents-malformed-refused",
        "an item that is malformed is kept",
        FILE,
        "        if not isinstance(message, Mapping):\n            raise\n",
        "        raise\n",
        _sessions("comes_back and memory"),
    ),
    Bug(
        "agents-pairs-forgotten",
        "a window of the conversation keeps calls with their results",
        FILE,
        "        return meaning_of_item(message)\n",
        "        return meaning_of_item(message)._replace(calls=(), answers=())\n",
        _sessions("is_a_conversation and memory"),
    ),
    Bug(
        "agents-large-items-refused",
        "an item may be large",
        FILE,
        "            max_bytes=sys.maxsize,\n",
        "",
        _sessions("large and memory"),
    ),
    Bug(
        "agents-limit-zero-is-all",
        "a limit that is not positive gives nothing",
        FILE,
        "if wanted <= 0:",
        "if wanted == 0:",
        _sessions("not_positive and memory"),
    ),
    Bug(
        "agents-limit-too-large",
        "who asks for more than there can be gets all",
        FILE,
        "None if asked >= ALL else asked",
        "asked",
        _sessions("from_the_newest and sqlite"),
    ),
    Bug(
        "agents-settings-before-the-call",
        "a limit of the call wins over the settings",
        FILE,
        "if limit is None and settings is not None:",
        "if settings is not None and settings.limit is not None:",
        _sessions("unless_the_call and memory"),
    ),
    Bug(
        "agents-settings-unread",
        "the settings say how many items an agent is given",
        FILE,
        "            limit = _settings(settings).limit\n",
        "            limit = None\n",
        _sessions("unless_the_call and memory"),
    ),
    Bug(
        "agents-unknown-settings-taken",
        "a setting that is not known is refused",
        FILE,
        "    if unknown:\n",
        "    if not unknown and given:\n",
        _sessions("refused"),
    ),
    Bug(
        "agents-unreadable-items-count",
        "an item that can not be read does not count",
        FILE,
        "len(found) + len(lost) < asked:",
        "True:",
        _sessions("does_not_count and sqlite"),
    ),
    Bug(
        "agents-oldest-of-too-many",
        "the newest items are given where more were read",
        FILE,
        "found[-wanted:]",
        "found[:wanted]",
        _sessions("does_not_count and sqlite"),
    ),
    Bug(
        "agents-unreadable-item-not-popped",
        "what can not be read goes with what is taken away",
        FILE,
        ', on_corrupt="skip")',
        ")",
        _sessions("taken_away_with and sqlite"),
    ),
    Bug(
        "agents-cancelled-before-it-is-added",
        "a task that is cancelled adds all the same",
        FILE,
        "await self._runtime.finish_once(self._items.append_many, self.session_id, items)",
        "await self._items.append_many(self.session_id, items)",
        _sessions("cancelled"),
    ),
    Bug(
        "agents-cancelled-in-a-pop",
        "a task that is cancelled takes away all the same",
        FILE,
        "return await self._runtime.finish_once(self._pop)",
        "return await self._pop()",
        _sessions("cancelled"),
    ),
    Bug(
        "agents-cancelled-in-a-clear",
        "a task that is cancelled clears all the same",
        FILE,
        "await self._runtime.finish_once(self._items.clear, self.session_id)",
        "await self._items.clear(self.session_id)",
        _sessions("cancelled"),
    ),
    Bug(
        "agents-namespace-shared",
        "sessions are in a namespace of their own",
        FILE,
        "base if namespace is None else base.namespace(namespace)",
        "base",
        _sessions("each_other and memory"),
    ),
    Bug(
        "agents-opened-before-it-is-checked",
        "nothing is opened for what is refused",
        FILE,
        '        terms(Bounds(), ttl, max_age, "keep")\n',
        "",
        _sessions("refused"),
    ),
    Bug(
        "agents-store-of-others-closed",
        "a store that others opened stays open",
        FILE,
        "self._opened = base if isinstance(store, str) else None",
        "self._opened = base",
        _sessions("stays_open and memory"),
    ),
    Bug(
        "agents-own-store-left-open",
        "a store that the session opened is closed with it",
        FILE,
        "            await self._opened.aclose()\n",
        "            pass\n",
        _sessions("closed_with_it"),
    ),
    Bug(
        "agents-ttl-unheard",
        "a session ends after its ttl",
        FILE,
        "            ttl=ttl,\n",
        "",
        _sessions("ttl or has_an_end"),
    ),
    Bug(
        "agents-age-unheard",
        "a session ends at its age",
        FILE,
        "            max_age=max_age,\n",
        "",
        _sessions("ttl"),
    ),
    Bug(
        "conversation-pops-unreadable-ones",
        "what can not be read is not taken away without a word",
        "storage/conversation.py",
        'None if on_corrupt == "raise" else lost',
        "lost",
        _popping("without_a_word"),
    ),
    Bug(
        "conversation-stops-at-unreadable-ones",
        "the last message that can be read is given back",
        "storage/amending.py",
        "                    lost += errors\n",
        "                    pass\n",
        _popping("last_message"),
    ),
    Bug(
        "conversation-loses-without-a-word",
        "a function is told what was lost",
        "storage/conversation.py",
        "                for error in lost:\n",
        "                for error in lost[1:]:\n",
        _popping("last_message"),
    ),
]
