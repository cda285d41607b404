"""Bugs in which messages of a session a model is shown, and in how they are counted."""

from __future__ import annotations

from .bug import Bug

_PLACE = "storage/core/dialog/"
_TESTS = "tests/continuity/test_"


def _bugs(module: str, tests: str, *bugs: tuple[str, str, str, str]) -> list[Bug]:
    return [
        Bug(
            f"contexts-{name}", law, f"{_PLACE}{module}.py", before, after, (f"{_TESTS}{tests}.py",)
        )
        for name, law, before, after in bugs
    ]


_WINDOWS = _bugs(
    "windows",
    "windows",
    (
        "one-token-too-many",
        "there is never more than there is room for",
        "if total > most and",
        "if total > most + 1 and",
    ),
    (
        "skips-what-does-not-fit",
        "there is no hole in what is shown",
        "(hard_limit is not None and total > hard_limit)):\n            break",
        "(hard_limit is not None and total > hard_limit)):\n            continue",
    ),
    (
        "system-costs-nothing",
        "what a system says counts",
        "tokens, number = sum([costs[place] for place in shown]), 0",
        "tokens, number = 0, 0",
    ),
    (
        "system-can-go",
        "what a system says stays always",
        '{place for place, one in enumerate(messages) if one.role == "system"}',
        "set[int]()",
    ),
    (
        "the-least-are-not-there",
        "a minimum is filled with the newest",
        "if total > most and (number >= fewest or",
        "if total > most and (number >= 0 or",
    ),
    (
        "the-least-beyond-the-limit",
        "a minimum never passes the hard limit",
        "(number >= fewest or (hard_limit is not None and total > hard_limit))",
        "number >= fewest",
    ),
    (
        "one-more-than-the-most",
        "there are so many messages at the most",
        "number + len(piece) > max_messages",
        "number > max_messages",
    ),
    (
        "call-without-its-result",
        "calls and results are never split",
        "            self._firsts[self._first(place)] = self._first(other)",
        "            pass",
    ),
    (
        "result-without-its-call",
        "a result whose call is not there is dropped",
        "            self._halves.append(place)",
        "            pass",
    ),
    (
        "result-of-the-first-call",
        "an id means the last call that was made with it",
        "        calls.update(own)",
        "        calls = {**own, **calls}",
    ),
    (
        "result-that-comes-late-hides",
        "a piece is as new as its newest message",
        "key=lambda piece: piece[-1]",
        "key=lambda piece: piece[0]",
    ),
    (
        "nameless-result-alone",
        "what a tool says without naming a call belongs to the one before",
        "            ties.tie(place, leading)",
        "            pass",
    ),
)

_STRATEGIES = _bugs(
    "strategies",
    "strategies",
    (
        "prefix-is-not-counted",
        "the summary counts with its prefix",
        "        return count(blank._replace(content=PREFIX + summary))",
        "        return count(blank._replace(content=summary))",
    ),
    (
        "summary-is-not-cut",
        "the budget holds whatever the summary is",
        "lambda some: told(some) <= plan.room",
        "lambda some: True",
    ),
    (
        "budget-is-not-a-limit",
        "no target is more than the budget",
        "        limit = min(limit, hard_limit)",
        "        pass",
    ),
    (
        "cut-in-a-word",
        "a summary is cut at a word",
        "    words = _whole_words(begun, text[least])",
        '    words = ""',
    ),
    (
        "cut-at-the-only-space",
        "a text without words is cut in the middle",
        r"\S{0,40}\Z",
        r"\S*\Z",
    ),
    (
        "newest-is-summarised",
        "the newest message is dearer than a summary",
        "        min_messages=1,",
        "        min_messages=0,",
    ),
    (
        "all-is-set-aside",
        "at the most half of the room is set aside for a summary",
        "(limit - system) // 2",
        "limit - system",
    ),
    (
        "summary-before-the-system",
        "a summary stands after what a system says",
        "    return (*kept[:first], summary, *kept[first:])",
        "    return (summary, *kept)",
    ),
    (
        "summary-of-what-is-recent",
        "where all is recent no summary is made",
        "isinstance(config, SlidingWindowConfig) or _are_recent(config, messages)",
        "isinstance(config, SlidingWindowConfig)",
    ),
    (
        "summary-beside-too-many",
        "a hybrid shows so many messages at the most",
        '        min_messages=1,\n        max_messages=getattr(config, "max_messages", None),',
        "        min_messages=1,\n        max_messages=None,",
    ),
    (
        "summary-of-what-fits",
        "what fits is not changed",
        "if total <= limit and not",
        "if total < limit and not",
    ),
)

_DECISIONS = _bugs(
    "context",
    "context_decisions",
    (
        "signature-without-content",
        "an edit with as many tokens is another signature",
        "_line([*told, one.content, one.metadata])",
        "_line([*told, one.metadata])",
    ),
    (
        "signature-without-metadata",
        "what is inside the metadata is in a signature",
        "_line([*told, one.content, one.metadata])",
        "_line([*told, one.content])",
    ),
    (
        "signature-without-settings",
        "what was made in another way is not used",
        "_line([*_settings(compression), hard_limit])",
        "_line([])",
    ),
    (
        "stale-summary",
        "a summary is of the messages that there are",
        "state.signature != signature or",
        "False or",
    ),
    (
        "target-of-the-truncated",
        "what is compressed to counts only where it is",
        'compression is not None and budget.overflow_strategy == "compress"',
        "compression is not None",
    ),
    (
        "whole-when-over",
        "what does not fit is not shown whole",
        "    return total > limit",
        "    return total > limit + 1",
    ),
)

_BUDGETS = _bugs(
    "budget",
    "budget",
    (
        "overage-below-nothing",
        "nobody is over a budget by less than nothing",
        "max(0, used - self.room))",
        "used - self.config.max_tokens)",
    ),
    (
        "reserve-is-used",
        "what is reserved for the answer is not available",
        "max(0, config.max_tokens - config.reserve_tokens)",
        "config.max_tokens",
    ),
)

_TOKENS = _bugs(
    "tokens",
    "tokens",
    (
        "counts-code-points",
        "an estimate counts as JavaScript does",
        'len(text.encode("utf-16-le", "surrogatepass")) // 2',
        "len(text)",
    ),
    (
        "estimate-rounded-down",
        "an estimate is rounded up",
        "return -(-number // self._chars_per_token)",
        "return int(number // self._chars_per_token)",
    ),
    (
        "stored-count-is-ignored",
        "what a message is kept with wins",
        "    if message.token_count is not None:",
        "    if message.token_count:",
    ),
    (
        "calls-cost-nothing",
        "what a tool is given is counted",
        "            texts += (call.name, call.arguments)",
        "            pass",
    ),
    (
        "any-answer-of-a-counter",
        "a counter answers with a number of tokens",
        "    if type(counted) is int and counted >= 0:",
        "    if type(counted) is int:",
    ),
    (
        "shortest-name-counts",
        "the longest name that a model begins with counts",
        "key=lambda name: (model.startswith(name), len(name)), default",
        "key=lambda name: (model.startswith(name), -len(name)), default",
    ),
)

_TIKTOKEN = "storage/continuity/tokenizers.py"
_COUNTING = [
    Bug(
        "contexts-special-in-a-text",
        "what looks special in a text is a text",
        _TIKTOKEN,
        "self._encoding.encode(text, disallowed_special=())",
        'self._encoding.encode(text, allowed_special="all")',
        (f"{_TESTS}tokens.py",),
    ),
    Bug(
        "contexts-one-encoding-for-all",
        "each model counts by its own encoding",
        _TIKTOKEN,
        '        name = tiktoken.encoding_name_for_model(model.removeprefix("ft:"))',
        "        name = _DEFAULT",
        (f"{_TESTS}tokens.py",),
    ),
]

BUGS = [*_WINDOWS, *_STRATEGIES, *_DECISIONS, *_BUDGETS, *_TOKENS, *_COUNTING]
