"""Bugs in what a store over the binding of a Worker promises."""

from __future__ import annotations

from .bug import Bug

SHELL = "storage/aio/cloudflare/binding.py"
WORDS = "storage/cloudflare/bindings.py"


def _binding(words: str) -> tuple[str, ...]:
    return ("tests/cloudflare/test_binding.py", "-k", words)


BUGS = [
    Bug(
        "binding-hides-a-doubt",
        "a refusal does not hide that an earlier try may have been applied",
        SHELL,
        "OutcomeUnknownError if is_doubtful and call.writes",
        "OutcomeUnknownError if failed.doubtful and call.writes",
        _binding("refusal"),
    ),
    Bug(
        "binding-doubts-what-it-reads",
        "a read that fails is unavailable",
        SHELL,
        "OutcomeUnknownError if is_doubtful and call.writes",
        "OutcomeUnknownError if is_doubtful",
        _binding("read_that_fails"),
    ),
    Bug(
        "binding-calls-a-part-nothing",
        "of several writes some may be applied when one is not",
        SHELL,
        "            if len(items) == 1:\n                raise\n",
        "            raise\n",
        _binding("several_writes"),
    ),
    Bug(
        "binding-hides-a-part-behind-a-refusal",
        "whatever ends several writes, it is said that others may be applied",
        SHELL,
        "        except StorageError as error:\n            if len(items) == 1:",
        "        except OutcomeUnknownError as error:\n            if len(items) == 1:",
        _binding("whatever_ends"),
    ),
    Bug(
        "binding-calls-a-refused-part-unknown",
        "a refusal of a part is a refusal",
        "storage/cloudflare/entries.py",
        "kind = OutcomeUnknownError if is_unsaid else type(error)",
        "kind = OutcomeUnknownError",
        _binding("whatever_ends"),
    ),
    Bug(
        "binding-trusts-a-write-that-failed-as-nobody-knows",
        "what failed as nobody knows may have been applied",
        WORDS,
        "doubtful=True, is_known=False)",
        "is_known=False)",
        _binding("nobody_knows"),
    ),
    Bug(
        "binding-chains-what-a-stranger-said",
        "no error shows a value, nor does its cause",
        SHELL,
        "                if not told.is_known:\n",
        "                if told.is_known is None:\n",
        _binding("nobody_knows"),
    ),
    Bug(
        "binding-asks-all-at-once",
        "no more is asked at once than a Worker has connections",
        SHELL,
        "range(min(AT_ONCE, len(items)))",
        "range(len(items))",
        _binding("at_once_than"),
    ),
    Bug(
        "binding-asks-one-by-one",
        "as much is asked at once as a Worker has connections",
        SHELL,
        "range(min(AT_ONCE, len(items)))",
        "range(1)",
        _binding("at_once_than"),
    ),
    Bug(
        "binding-does-not-tell-the-ends-of-others",
        "a store tells when an entry ends that somebody else has written",
        SHELL,
        "told.get(name) if one is None else one",
        "one",
        _binding("somebody_else"),
    ),
    Bug(
        "binding-takes-the-first-name-for-its-own",
        "a key is not said to end when another one does that begins with it",
        SHELL,
        "if one.name == name), None)",
        "if one.name), None)",
        _binding("no_list_shows"),
    ),
    Bug(
        "binding-waits-for-the-others-in-vain",
        "a failure ends the others that are asked with it",
        SHELL,
        "        for task in tasks:\n            task.cancel()\n        if tasks:",
        "        if not tasks:",
        _binding("ends_the_others"),
    ),
    Bug(
        "binding-tries-what-will-not-pass",
        "what will not pass in time is given up at once",
        WORDS,
        'has for a day", UnavailableError)',
        'has for a day", UnavailableError, True)',
        _binding("given_up"),
    ),
    Bug(
        "binding-gives-up-what-passes",
        "what passes is asked again",
        WORDS,
        'connection to KV was lost", UnavailableError, True, True)',
        'connection to KV was lost", UnavailableError, False, True)',
        _binding("passes"),
    ),
    Bug(
        "binding-trusts-a-write-that-broke",
        "a write that may have been applied is not called unavailable",
        WORDS,
        "return Failure(reason, UnavailableError, True, True)",
        "return Failure(reason, UnavailableError, True)",
        _binding("may_have_been_applied"),
    ),
    Bug(
        "binding-trusts-a-write-without-an-answer",
        "a write without an answer may have been applied",
        WORDS,
        'did not answer in time", UnavailableError, doubtful=True)',
        'did not answer in time", UnavailableError)',
        _binding("without_an_answer"),
    ),
    Bug(
        "binding-tells-what-a-stranger-said",
        "no error shows a value",
        WORDS,
        'the binding failed: {type(error).__name__}"',
        'the binding failed: {type(error).__name__}: {text}"',
        _binding("shows_no_value"),
    ),
    Bug(
        "binding-takes-null-for-something",
        "what JavaScript calls null is None",
        WORDS,
        '__name__ == "JsNull"',
        '__name__ == "Null"',
        _binding("proxies"),
    ),
    Bug(
        "binding-ends-a-list-that-goes-on",
        "a list is not cut short where no cursor came",
        WORDS,
        "    if not cursor:\n        raise ValueError\n",
        "    if not cursor:\n        return Listing(entries, None)\n",
        _binding("no_answer"),
    ),
    Bug(
        "binding-keeps-no-end",
        "an entry that ends is told so to the service",
        WORDS,
        'said["expirationTtl"] = put.seconds',
        'said["expirationTtl"] = 10**9',
        _binding("short_life"),
    ),
    Bug(
        "binding-takes-an-answer-about-one-key-for-many",
        "of an answer about several keys only what is told wholly is taken",
        WORDS,
        "if name in answer and name not in _MEMBERS",
        "if name in answer",
        _binding("told_wholly"),
    ),
    Bug(
        "binding-takes-a-bare-text-for-an-entry",
        "an empty text has its metadata, though some answer without",
        WORDS,
        "        if one is None or isinstance(one, Mapping)\n",
        "",
        _binding("told_wholly"),
    ),
]
