"""Bugs in what keeps the ids of files that were sent."""

from __future__ import annotations

from .bug import Bug


def _sending(words: str) -> tuple[str, ...]:
    return ("tests/media/test_sending.py", "-k", f"memory and ({words})")


def _stale(words: str) -> tuple[str, ...]:
    return ("tests/media/test_stale.py", "-k", f"memory and ({words})")


def _at_once(words: str) -> tuple[str, ...]:
    return ("tests/media/test_at_once.py", "-k", words)


def _failing(words: str) -> tuple[str, ...]:
    return ("tests/media/test_failing_store.py", "-k", words)


def _refused(words: str) -> tuple[str, ...]:
    return ("tests/media/test_refused.py", "-k", words)


def _keys(words: str) -> tuple[str, ...]:
    return ("tests/media/test_keys.py", "-k", words)


def _gramio(words: str) -> tuple[str, ...]:
    return ("tests/compat/test_gramio_media.py", "-k", words)


BUGS = [
    Bug(
        "media-methods-share-ids",
        "each way of sending has ids of its own",
        "storage/core/media.py",
        'return f"{self.bot}:{self.method}:{kind}{digest}"',
        'return f"{self.bot}:{kind}{digest}"',
        _sending("each_way"),
    ),
    Bug(
        "media-bots-share-ids",
        "an id is good for one bot",
        "storage/core/media.py",
        'return f"{self.bot}:{self.method}:{kind}{digest}"',
        'return f"{self.method}:{kind}{digest}"',
        _sending("one_bot"),
    ),
    Bug(
        "media-url-like-its-text",
        "a file that holds a URL is not what is found there",
        "storage/core/media.py",
        'kind = "url:" if self.is_url else ""',
        'kind = ""',
        _sending("holds_a_url"),
    ),
    Bug(
        "media-smallest-size",
        "of a photo the largest size counts",
        "storage/core/media.py",
        "return max(reversed(part), key=_area, default=None)",
        "return min(reversed(part), key=_area, default=None)",
        _sending("what_frameworks_answer"),
    ),
    Bug(
        "media-first-of-the-largest",
        "of sizes that are not told the last one counts",
        "storage/core/media.py",
        "max(reversed(part), key=_area",
        "max(part, key=_area",
        _sending("what_frameworks_answer"),
    ),
    Bug(
        "media-animation-by-its-name-only",
        "an animation may be told as a document",
        "storage/core/media.py",
        '_ELSE: Final = {"animation": ("animation", "document")}',
        "_ELSE: Final[dict[str, tuple[str, ...]]] = {}",
        _sending("what_frameworks_answer"),
    ),
    Bug(
        "media-failure-with-an-id",
        "a failure gives no id",
        "storage/core/media.py",
        'if _member(answer, "ok") is True else None',
        "",
        _sending("what_frameworks_answer"),
    ),
    Bug(
        "media-refusal-of-any-code",
        "an id is refused with a code of 400",
        "storage/core/media.py",
        "    elif code != 400:\n        return False\n",
        "",
        _stale("another_failure"),
    ),
    Bug(
        "media-refusal-of-any-error",
        "an error without a code is told by its name",
        "storage/core/media.py",
        "        if not names & _BAD_REQUESTS:\n            return False\n",
        "        pass\n",
        _stale("another_failure"),
    ),
    Bug(
        "media-kinds-of-errors-unknown",
        "a kind of a bad request is one",
        "storage/core/media.py",
        "{kind.__name__ for kind in type(outcome).__mro__}",
        "{type(outcome).__name__}",
        _stale("is_refused_is_replaced"),
    ),
    Bug(
        "media-refusal-in-small-letters-only",
        "what Telegram says is read in whatever case",
        "storage/core/media.py",
        "texts = [text.lower() for text in said if isinstance(text, str)]",
        "texts = [text for text in said if isinstance(text, str)]",
        _stale("is_refused_is_replaced"),
    ),
    Bug(
        "media-other-types-raised",
        "an id of another type is no good",
        "storage/core/media.py",
        '    "can\'t use file of type",\n',
        "",
        _stale("is_refused_is_replaced"),
    ),
    Bug(
        "media-token-taken-for-a-name",
        "a token is no name of a bot",
        "storage/core/media.py",
        "    if _TOKEN.search(name):\n",
        "    if _TOKEN.fullmatch(name):\n",
        _refused("token"),
    ),
    Bug(
        "media-file-left-at-its-end",
        "a file stands afterwards where it stood",
        "storage/uploads.py",
        "    finally:\n        file.seek(start)\n",
        "    finally:\n        pass\n",
        _sending("stands"),
    ),
    Bug(
        "media-file-read-from-its-beginning",
        "a file is sent from where it stands",
        "storage/uploads.py",
        "        file.seek(start)\n        digest = begin(size)\n",
        "        file.seek(0)\n        digest = begin(size)\n",
        _sending("stands"),
    ),
    Bug(
        "media-first-chunk-only",
        "all of a file counts",
        "storage/uploads.py",
        "while chunk := file.read(_CHUNK):",
        "if chunk := file.read(_CHUNK):",
        _keys("does_not_depend"),
    ),
    Bug(
        "media-memory-first-chunk-only",
        "all of what is in memory counts",
        "storage/uploads.py",
        "for start in range(0, len(whole), _CHUNK):",
        "for start in range(0, min(1, len(whole)), _CHUNK):",
        _sending("other_content"),
    ),
    Bug(
        "media-view-with-gaps-refused",
        "a view of every second byte is content",
        "storage/uploads.py",
        "    if isinstance(source, memoryview) and not source.c_contiguous:\n"
        "        return _made(begin, source.tobytes())\n",
        "",
        _sending("however_it_is_handed_over"),
    ),
    Bug(
        "media-name-taken-for-a-url",
        "a text that is no URL is refused",
        "storage/uploads.py",
        "    if not _URL.match(url):\n",
        "    if not url:\n",
        _refused("read_twice"),
    ),
    Bug(
        "media-pipe-taken",
        "what can be read once is refused",
        "storage/uploads.py",
        "if callable(seekable) and not seekable():",
        "if False:",
        _refused("read_twice"),
    ),
    Bug(
        "media-text-taken",
        "what is sent is bytes",
        "storage/uploads.py",
        "        if isinstance(chunk, str):\n",
        "        if False:\n",
        _refused("read_twice"),
    ),
    Bug(
        "media-read-on-the-loop",
        "a file is read beside the loop",
        "storage/aio/runtime.py",
        "return await self.finish_once(lambda: asyncio.to_thread(function, *args))",
        "return function(*args)",
        _at_once("beside_the_loop"),
    ),
    Bug(
        "media-file-left-by-a-cancellation",
        "a cancellation waits for the file",
        "storage/aio/runtime.py",
        "return await self.finish_once(lambda: asyncio.to_thread(function, *args))",
        "return await asyncio.to_thread(function, *args)",
        _at_once("beside_the_loop"),
    ),
    Bug(
        "media-each-uploads",
        "of many who send a file one uploads it",
        "storage/media.py",
        "                    file_id = self._learned(hold, key, stale)\n",
        "                    file_id = None\n",
        _at_once("of_many and memory"),
    ),
    Bug(
        "media-all-wait-for-each-other",
        "who sends another file waits for nobody",
        "storage/media.py",
        "with self._keys.hold(key) as hold:",
        'with self._keys.hold("") as hold:',
        _at_once("waits_for_nobody"),
    ),
    Bug(
        "media-waits-only-when-it-holds-nothing",
        "who holds something else waits as well",
        "storage/media.py",
        "KeyLock(self._layers.label, patient=True)",
        "KeyLock(self._layers.label)",
        _at_once("holds_something"),
    ),
    Bug(
        "media-waiters-told-nothing",
        "one upload serves all who wait for it without a store",
        "storage/media.py",
        "        hold.left = (self, file_id.encode())\n",
        "",
        _failing("one_upload"),
    ),
    Bug(
        "media-second-waiter-told-nothing",
        "who was told an id tells it to the next one",
        "storage/media.py",
        "            hold.left = left\n",
        "",
        _failing("one_upload"),
    ),
    Bug(
        "media-stale-id-stays",
        "an id that is refused goes away",
        "storage/media.py",
        "            self._drop(key, stale)\n",
        "            pass\n",
        _stale("stale_id_is_gone"),
    ),
    Bug(
        "media-stale-id-of-another-taken-away",
        "the removal sees what it removes",
        "storage/media.py",
        "            self._store.swap(key, stale, DELETE)\n",
        "            self._store.delete(key)\n",
        _stale("between_the_look"),
    ),
    Bug(
        "media-another-id-not-sent",
        "an id that another one has stored is sent",
        "storage/media.py",
        "        if stale is None or file_id != stale:\n",
        "        if stale is None:\n",
        _stale("stored_meanwhile"),
    ),
    Bug(
        "media-tried-for-ever",
        "a second failure is the caller's",
        "storage/media.py",
        "refused = stale is None and self._refuses(error)",
        "refused = self._refuses(error)",
        _stale("of_another_one_fails"),
    ),
    Bug(
        "media-refusal-in-an-answer-unseen",
        "an answer may refuse an id",
        "storage/media.py",
        "refused = stale is None and self._refuses(answer)",
        "refused = False",
        _stale("is_refused_is_replaced"),
    ),
    Bug(
        "media-own-rule-unasked",
        "a bot may say what is stale",
        "storage/media.py",
        "        if self._is_stale is None:\n            return is_stale(outcome)\n",
        "        if is_stale(outcome):\n            return True\n"
        "        if self._is_stale is None:\n            return False\n",
        _stale("may_say"),
    ),
    Bug(
        "media-lifetime-of-the-store",
        "ids end with their lifetime",
        "storage/media.py",
        "layers.lasting(ttl).spoken(",
        "layers.spoken(",
        _sending("end_with"),
    ),
    Bug(
        "media-values-of-the-stores-type",
        "in a typed store ids are texts",
        "storage/media.py",
        ".spoken(layers.plain)",
        "",
        _sending("typed_store"),
    ),
    Bug(
        "media-outage-raised",
        "a store that is away keeps no file from being sent",
        "storage/media.py",
        "if self._raises or not is_outage(error):",
        "if True:",
        _failing("server_is_away"),
    ),
    Bug(
        "media-outage-never-raised",
        "whose store has to answer hears that it does not",
        "storage/media.py",
        "if self._raises or not is_outage(error):",
        "if not is_outage(error):",
        _failing("has_to_answer"),
    ),
    Bug(
        "media-mistakes-forgiven",
        "a closed store is a mistake",
        "storage/media.py",
        "if self._raises or not is_outage(error):",
        "if self._raises:",
        _failing("closed_store"),
    ),
    Bug(
        "media-stranger-not-forgiven",
        "an object that raises keeps no file from being sent",
        "storage/core/media.py",
        " or type(error) is StorageError",
        "",
        _failing("object_that_raises"),
    ),
    Bug(
        "media-swap-without-steps",
        "a store without atomic steps will do",
        "storage/media.py",
        "        if self._store.capabilities.atomic:\n",
        "        if True:\n",
        _failing("without_atomic"),
    ),
    Bug(
        "media-corrupt-taken-for-an-id",
        "what is kept and no id is told",
        "storage/media.py",
        "        if found is not None and not isinstance(found, str):\n",
        "        if False:\n",
        _sending("no_id_is_told"),
    ),
    Bug(
        "media-lifetime-looked-at-late",
        "a lifetime is looked at before the file is",
        "storage/media.py",
        "        self._layers.lifetimes.expiry(ttl)\n",
        "",
        _refused("lifetime_is_looked_at"),
    ),
    Bug(
        "media-gramio-mark-stays",
        "the mark before a text is no part of it",
        "storage/core/media.py",
        '            text = text.removeprefix("\\ufeff")\n',
        "            pass\n",
        _gramio("size_and_the_text"),
    ),
    Bug(
        "media-gramio-every-mark-dropped",
        "only the first mark is dropped",
        "storage/core/media.py",
        "            self._is_begun = True\n",
        "            self._is_begun = False\n",
        _keys("one_mark"),
    ),
    Bug(
        "media-gramio-end-dropped",
        "a character that is cut off is text",
        "storage/core/media.py",
        '        self._take(self._decode(b"", True))\n',
        "",
        _gramio("size_and_the_text"),
    ),
    Bug(
        "media-gramio-size-missing",
        "the size is part of the key",
        "storage/core/media.py",
        'f"{_whole(self.name)}{size}"',
        'f"{_whole(self.name)}"',
        _gramio("size_and_the_text"),
    ),
    Bug(
        "media-gramio-unnamed",
        "bytes without a name are called as GramIO calls them",
        "storage/compat/gramio_media.py",
        '"file.buffer"',
        '"file"',
        _gramio("what_it_is_called"),
    ),
    Bug(
        "media-gramio-whole-path",
        "a file is called by the last part of its path",
        "storage/uploads.py",
        "return os.path.basename(os.fsdecode(path)) or otherwise",
        "return os.fsdecode(path) or otherwise",
        _gramio("what_it_is_called"),
    ),
    Bug(
        "media-gramio-url-taken",
        "GramIO's media cache knows no URLs",
        "storage/compat/gramio_media.py",
        "    if isinstance(source, str):\n",
        "    if False:\n",
        _gramio("is_refused"),
    ),
    Bug(
        "media-example-uploads-each-time",
        "the bot of the examples uploads each file once",
        "examples/telebot_media.py",
        "            return self.media.send(\n"
        '                "document", file, lambda known: self.bot.send_document(chat, known)\n'
        "            )\n",
        "            return self.bot.send_document(chat, file)\n",
        ("tests/media/test_frameworks.py", "-k", "examples"),
    ),
    Bug(
        "media-example-ids-end-with-it",
        "the bot of the examples knows its ids after it was started again",
        "examples/telebot_media.py",
        "storage.MediaCache(store, bot",
        "storage.MediaCache(storage.MemoryStorage[Any](), bot",
        ("tests/media/test_frameworks.py", "-k", "examples"),
    ),
]
