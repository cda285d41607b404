"""Bugs in how a blocking call sends and waits."""

from __future__ import annotations

from .bug import Bug

_PUNCTUAL, _LINK, _WHOLE = (f"storage/redis/{name}.py" for name in ("punctual", "link", "whole"))
_LINKS, _STRUCK = "storage/redis/links.py", "storage/redis/struck.py"
_HURRY = "storage/redis/hurry.py"


def _deadlines(words: str) -> tuple[str, ...]:
    return ("tests/fault/redis/test_deadlines.py", "-k", words)


def _handlers(words: str) -> tuple[str, ...]:
    return ("tests/fault/redis/test_struck_handlers.py", "-k", words)


def _sockets(words: str) -> tuple[str, ...]:
    return ("tests/fault/redis/test_sockets.py", "-k", words)


BUGS = [
    Bug(
        "redis-sockets-taken-as-long-as-it-comes",
        "an answer without an end ends with the call",
        _PUNCTUAL,
        "            self.until = _late(self.until)\n            left = 0\n",
        "            left = 0\n",
        _sockets("without_an_end and plain"),
    ),
    Bug(
        "redis-sockets-taken-as-long-as-it-comes-beneath-tls",
        "an answer without an end ends with the call beneath TLS too",
        _PUNCTUAL,
        "            if left < 0:\n                self.until = _late(self.until)\n",
        "",
        _sockets("without_an_end and TLS"),
    ),
    Bug(
        "redis-sockets-sent-without-a-deadline-beneath-tls",
        "who takes little by little is sent to until the deadline",
        _PUNCTUAL,
        "        self._hurry()\n        self._sendall(data)\n",
        "        self._sendall(data)\n",
        _sockets("little_by_little"),
    ),
    Bug(
        "redis-sockets-kept-for-those-who-waited",
        "connections of those who waited are given back",
        _LINKS,
        "        elif self._is_endless:\n            self._shrink()\n",
        "",
        ("tests/fault/redis/test_limit.py", "-k", "given_back"),
    ),
    Bug(
        "redis-sockets-none-kept-while-others-wait",
        "as many connections stay open as others wait",
        _LINKS,
        "if 2 * idle <= len(self._all) + 1 or",
        "if idle <= 1 or",
        ("tests/fault/redis/test_limit.py", "-k", "as_others_wait"),
    ),
    Bug(
        "redis-sockets-all-the-time-for-each-address",
        "all addresses of a name share the time to connect",
        _HURRY,
        "return min(_left(connection), longest)",
        "return min(0.4, longest)",
        _deadlines("addresses and blocking"),
    ),
    Bug(
        "redis-sockets-handshake-begins-anew",
        "shaking hands has the time that is left",
        _HURRY,
        '        "socket_timeout": property(_left),\n',
        "",
        _deadlines("hands and blocking"),
    ),
    Bug(
        "redis-sockets-all-the-time-for-one-address",
        "an address takes no longer than what is said of one",
        _HURRY,
        "return min(_left(connection), longest)",
        "return _left(connection)",
        _deadlines("in_blocking_code"),
    ),
    Bug(
        "redis-sockets-answers-that-hold-themselves",
        "what a server refuses leaves nothing to the collector",
        _STRUCK,
        "        one.__traceback__ = None\n",
        "        pass\n",
        ("tests/fault/redis/test_struck.py", "-k", "collector"),
    ),
    Bug(
        "redis-sockets-answer-thrown-away-after-the-deadline",
        "an answer that is there is taken, whatever the clock says",
        _PUNCTUAL,
        "        if not comes(left * 1000):\n",
        "        if left == 0 or not comes(left * 1000):\n",
        _sockets("after_its_deadline"),
    ),
    Bug(
        "redis-sockets-numbers-left-to-hiredis",
        "a strike while the client library connects is one like any other",
        "storage/redis/settings.py",
        '        kept.setdefault("command_packer", Packer())\n',
        "        pass\n",
        ("tests/fault/redis/test_struck.py", "-k", "number_is_said"),
    ),
    Bug(
        "redis-sockets-signals-make-it-longer",
        "no signal makes a call longer",
        _PUNCTUAL,
        "if left > _ENOUGH and get_ident() != _Main.ident:",
        "if left > _ENOUGH:",
        _sockets("signals"),
    ),
    Bug(
        "redis-sockets-main-thread-of-the-parent",
        "no signal makes a call longer in a process that a thread has forked",
        _PUNCTUAL,
        "    os.register_at_fork(after_in_child=_Main.changed)\n",
        "    pass\n",
        _sockets("signals"),
    ),
    Bug(
        "redis-sockets-glance-beyond-the-deadline",
        "a call ends by its deadline, whichever thread makes it",
        _PUNCTUAL,
        "left = self.until - monotonic()\n        self._wait(self._comes, left)",
        "left = self.until - monotonic() + 2\n        self._wait(self._comes, left)",
        _sockets("long_leaves"),
    ),
    Bug(
        "redis-sockets-deadline-for-each-piece-of-tls",
        "a call ends by its deadline beneath TLS too",
        _PUNCTUAL,
        "if seconds is None or not _EARLIEST * left <= seconds <= _LATEST * left:",
        "if seconds is None:",
        _sockets("beneath_tls"),
    ),
    Bug(
        "redis-sockets-glance-is-the-end",
        "an answer may take as long as its call has time",
        _PUNCTUAL,
        "            except BlockingIOError:\n                left",
        "            except InterruptedError:\n                left",
        _sockets("hurry and another"),
    ),
    Bug(
        "redis-sockets-hurry-left-behind",
        "a call that is in a hurry leaves no hurry to the next one",
        _LINK,
        "        bare.until = until\n",
        "        bare.until = min(until, bare.until or until)\n",
        _sockets("hurry"),
    ),
    Bug(
        "redis-sockets-sent-without-a-deadline",
        "who takes nothing is waited for until the deadline",
        _PUNCTUAL,
        "            self._wait(room.poll, self.until - monotonic())\n",
        "            self._wait(room.poll, self.until - monotonic() + 2)\n",
        _sockets("takes_nothing"),
    ),
    Bug(
        "redis-sockets-rest-not-sent",
        "what does not fit at once is sent to its end",
        _LINK,
        "bare.sendall(memoryview(packed)[sent:])",
        "bare.sendall(memoryview(packed)[sent + 1 :])",
        _sockets("does_not_fit"),
    ),
    Bug(
        "redis-sockets-answer-not-noticed-in-a-thread",
        "what nobody asked for is seen before anything is sent",
        _PUNCTUAL,
        "ask(sockets.SOL_SOCKET, _MEMORY_INFO, 4) == _NOTHING",
        "ask(sockets.SOL_SOCKET, _MEMORY_INFO, 4) is not None",
        _sockets("nobodys_answer and another"),
    ),
    Bug(
        "redis-sockets-end-not-noticed-in-a-thread",
        "an end that came with the last answer is seen before anything is sent",
        _PUNCTUAL,
        "ask(sockets.IPPROTO_TCP, sockets.TCP_INFO, 1) == _ESTABLISHED",
        "ask(sockets.IPPROTO_TCP, sockets.TCP_INFO, 1) is not None",
        _sockets("comes_with_the_answer and another"),
    ),
    Bug(
        "redis-sockets-unix-asked-in-vain",
        "what came on a socket of Unix is seen before anything is sent",
        _PUNCTUAL,
        " or not self._tells_more:",
        ":",
        _sockets("idle_socket and unix and another"),
    ),
    Bug(
        "redis-sockets-other-libraries-bypassed",
        "a socket that a library puts in the place of a plain one waits in its own way",
        _PUNCTUAL,
        'if sys.platform == "linux" and (kind.__module__, kind.__name__) == ("socket", "socket"):',
        'if sys.platform == "linux" and issubclass(kind, sockets.socket):',
        _sockets("somebody_elses"),
    ),
    Bug(
        "redis-sockets-connection-of-the-callers-bypassed",
        "a connection of the caller's making sends and reads itself",
        _LINK,
        'return all(part.__module__.partition(".")[0] == "redis" for part in parts)',
        "return bool(parts)",
        _sockets("callers_making"),
    ),
    Bug(
        "redis-sockets-rest-of-an-answer-kept",
        "what follows a reply is no part of the next one",
        _LINK,
        "        self._is_parsed = True\n        try:\n            return self.connection.read",
        "        try:\n            return self.connection.read",
        ("tests/fault/redis/test_crossed_answers.py", "-k", "blocking and twice"),
    ),
    Bug(
        "redis-sockets-part-of-an-answer-taken",
        "a reply is taken only when all of it has come",
        _WHOLE,
        "if 1 <= data.find(",
        "if -1 <= data.find(",
        _sockets("whole or no_plain"),
    ),
    Bug(
        "redis-sockets-two-answers-taken-for-one",
        "a reply is taken only when nothing follows it",
        _WHOLE,
        'return found if end + 2 == len(data) and data.endswith(b"\\r\\n") else PARTED',
        "return found",
        _sockets("whole_and_alone"),
    ),
    Bug(
        "redis-sockets-handler-taken-for-a-broken-connection",
        "what a signal handler raises reaches the caller, whatever it looks like",
        _STRUCK,
        "        if struck(one):\n",
        "        if struck(one) and not isinstance(one, OSError):\n",
        _handlers("ends_a_call"),
    ),
    Bug(
        "redis-sockets-struck-and-said-again",
        "a change that a signal handler strikes is done once or not at all",
        _LINK,
        "            return broken(failed, Phase.SENT if sent == len(packed) else unsent(failed))",
        "            return Trouble(Phase.UNSENT, failed)",
        ("tests/fault/redis/test_struck.py", "-k", "once_or_not_at_all"),
    ),
    Bug(
        "redis-sockets-handler-in-what-the-client-library-made-of-it",
        "what a signal handler raises reaches the caller from within the client library",
        _STRUCK,
        "        one = one.__context__ if one.__cause__ is None else one.__cause__\n",
        "        one = None\n",
        _handlers("ends_a_call"),
    ),
    Bug(
        "redis-sockets-calls-taken-off-what-the-caller-handles",
        "an error that the caller handles keeps the calls that it went through",
        _STRUCK,
        "one is not theirs and not any(",
        "not any(",
        _handlers("the_caller_handles"),
    ),
    Bug(
        "redis-sockets-handler-that-waits-for-whom-it-struck",
        "a signal handler may use the store, whatever call it strikes",
        _LINKS,
        "        self._mutex = reentrant()\n        self._start()\n        after_fork",
        "        self._mutex = threading.Lock()\n        self._start()\n        after_fork",
        _handlers("may_use"),
    ),
]
