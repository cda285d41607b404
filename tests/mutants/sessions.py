"""Bugs in sessions."""

from __future__ import annotations

from .bug import Bug


def _laws(topic: str, words: str) -> tuple[str, ...]:
    return (f"tests/sessions/test_{topic}.py", "-k", words)


BUGS = [
    Bug(
        "session-shares-its-beginning",
        "two sessions share nothing of what they begin as",
        "storage/core/drafts.py",
        "        return Draft(copy, data, {}, None)",
        "        return Draft(value, data, {}, None)",
        _laws("opening", "share_nothing and memory"),
    ),
    Bug(
        "session-written-unchanged",
        "what is not changed is not written",
        "storage/core/standing.py",
        "if not self._is_cleared and max_age_ms is None and self._drafts.is_same(draft, data):",
        "if self._is_cleared and max_age_ms is None and self._drafts.is_same(draft, data):",
        _laws("opening", "not_changed_is_not_written and memory"),
    ),
    Bug(
        "session-stored-after-a-failure",
        "a handler that fails changes nothing",
        "storage/core/rules.py",
        "return error is None or (",
        "return error is not None or (",
        _laws("opening", "handler_that_fails and memory"),
    ),
    Bug(
        "session-stored-after-a-cancellation",
        "who is told to stop stores nothing, whatever on_error says",
        "storage/core/rules.py",
        '(self.on_error == "save" and isinstance(error, Exception))',
        '(self.on_error == "save")',
        _laws("opening", "told_to_stop or cancelled"),
    ),
    Bug(
        "session-unread-keeps-its-turn",
        "a session that can not be opened lets the next one come",
        "storage/opened.py",
        """            self._read(sight)
        except BaseException:
            self._seat.give_back()
""",
        """            self._read(sight)
        except BaseException:
""",
        _laws("opening", "initial_that_fails and memory"),
    ),
    Bug(
        "session-unstored-keeps-its-turn",
        "a session that can not be stored lets the next one come",
        "storage/opened.py",
        """            self._part(saves, release=True)
        except BaseException:
            self._seat.give_back()
""",
        """            self._part(saves, release=True)
        except BaseException:
""",
        _laws("bad", "can_not_be_stored_says and memory"),
    ),
    Bug(
        "session-loaded-twice",
        "all who load at the same time get the same object",
        "storage/opened.py",
        """            with self._keys.hold(str(id(self))):
                if self._standing.draft is None:
                    self._enter()
""",
        """            with self._keys.hold(str(id(self))):
                self._enter()
""",
        _laws("opening", "load_at_the_same_time"),
    ),
    Bug(
        "session-opened-twice",
        "a session is open once at a time",
        "storage/opened.py",
        "        if self._is_open:\n",
        "        if False:\n",
        _laws("opening", "open_once_at_a_time"),
    ),
    Bug(
        "session-cleared-and-kept",
        "to clear and do nothing more takes the session away",
        "storage/core/standing.py",
        "return DELETE if self._is_cleared and self._raw is not None else None",
        "return None",
        _laws("controls", "takes_the_session_away"),
    ),
    Bug(
        "session-replaced-with-old-lifetimes",
        "the lifetimes of members go with what is replaced",
        "storage/opened.py",
        "        draft.marks = {}\n",
        "",
        _laws("controls", "go_with_what_is_replaced"),
    ),
    Bug(
        "session-discarded-without-its-lifetimes",
        "to discard goes back to what is stored, lifetimes too",
        "storage/core/standing.py",
        "draft.marks, draft.ends = before.marks, before.ends",
        "draft.marks, draft.ends = {}, before.ends",
        _laws("controls", "go_with_what_is_replaced"),
    ),
    Bug(
        "session-touched-all-the-time",
        "who only reads touches once in a tenth of the time",
        "storage/core/standing.py",
        ">= idle / _TENTHS",
        ">= 0",
        _laws("lifetimes", "tenth_of_the_time and memory"),
    ),
    Bug(
        "session-touched-too-late",
        "a session that is used lives on",
        "storage/core/standing.py",
        "_TENTHS = 10\n",
        "_TENTHS = 1\n",
        _laws("lifetimes", "lives_on and memory"),
    ),
    Bug(
        "session-older-than-it-may-be",
        "a session is over at its age however much it is used",
        "storage/core/standing.py",
        "return left if idle is None else min(idle, left)",
        "return left if idle is None else max(idle, left)",
        _laws("lifetimes", "older_than_it_may and memory"),
    ),
    Bug(
        "session-younger-with-each-use",
        "a session ages from its beginning on",
        "storage/core/standing.py",
        "max_age_ms = self._rules.max_age_ms if draft.ends is None else None",
        "max_age_ms = self._rules.max_age_ms",
        _laws("lifetimes", "over_at_its_age and memory"),
    ),
    Bug(
        "session-read-after-its-end",
        "a session that says it is over is not there",
        "storage/core/drafts.py",
        "draft.ends <= now_ms",
        "draft.ends <= 0",
        _laws("lifetimes", "keeps_its_end and memory"),
    ),
    Bug(
        "session-listed-after-its-end",
        "a session that says it is over is not listed",
        "storage/sessions.py",
        "self._drafts.live(key, self._layers.encode(key, record), sight.now_ms)",
        "self._drafts.read(key, self._layers.encode(key, record), sight.now_ms)",
        _laws("lifetimes", "keeps_its_end and memory"),
    ),
    Bug(
        "session-ages-where-nothing-ends",
        "where nothing ends a lifetime is refused before anything is done",
        "storage/sessions.py",
        "        self._layers.lifetimes.expiry(max_age)\n",
        "",
        _laws("lifetimes", "where_nothing_ends"),
    ),
    Bug(
        "session-member-ends-too-early",
        "a member lives to the end of its time",
        "storage/core/session.py",
        "return now_ms - self.at > self.t",
        "return now_ms - self.at >= self.t",
        _laws("controls", "member_goes_away"),
    ),
    Bug(
        "session-member-lives-for-ever",
        "a member that is over is not there",
        "storage/core/session.py",
        "for name in [name for name, mark in marks.items() if mark.is_over(now_ms)]:",
        "for name in []:",
        _laws("lifetimes", "member_that_is_over and memory"),
    ),
    Bug(
        "session-lifetime-of-nothing",
        "the time of a member goes with it",
        "storage/core/session.py",
        "for name, mark in contents.marks.items() if name in record}",
        "for name, mark in contents.marks.items()}",
        _laws("lifetimes", "goes_with_it and memory"),
    ),
    Bug(
        "session-lifetimes-overwritten",
        "the names for lifetimes are taken",
        "storage/core/drafts.py",
        """            for name in RESERVED:
                if name in members:
""",
        """            for name in RESERVED:
                if name not in RESERVED:
""",
        _laws("bad", "names_for_lifetimes and memory"),
    ),
    Bug(
        "session-conflict-unheard",
        "what both changed is refused",
        "storage/core/session.py",
        'if clashes and on_conflict == "raise":',
        'if clashes and on_conflict == "never":',
        _laws("merging", "refused_and_theirs_stays and memory"),
    ),
    Bug(
        "session-conflict-the-other-way-about",
        "who decides about a conflict is told what is ours and what is theirs",
        "storage/core/session.py",
        "on_conflict(name, mine[0], other[0])",
        "on_conflict(name, other[0], mine[0])",
        _laws("merging", "who_decides and memory"),
    ),
    Bug(
        "session-ends-as-we-say",
        "the end of a session is that which is there",
        "storage/core/session.py",
        "ends = theirs.ends if theirs.ends is not None else ours.ends",
        "ends = ours.ends if ours.ends is not None else theirs.ends",
        _laws("merging", "one_change_after_the_other or which_is_there"),
    ),
    Bug(
        "session-default-is-a-change",
        "an untouched session of a type is not stored for its defaults",
        "storage/core/drafts.py",
        'return self._typed is not None and self._plain.same(self._settled("", draft.base), data)',
        "return False",
        _laws("controls", "untouched_session_of_a_type"),
    ),
    Bug(
        "session-default-is-a-conflict",
        "a member with a default is not changed by who does not touch it",
        "storage/core/drafts.py",
        "self._parts(key, self._settled(key, data)) for data in",
        "self._parts(key, data) for data in",
        _laws("merging", "member_with_a_default"),
    ),
    Bug(
        "session-merged-to-another-type",
        "what others made of it has to go with the type",
        "storage/core/drafts.py",
        "                self._typed.decode(self._plain.encode(result.members))\n",
        "                pass\n",
        _laws("controls", "has_to_go_with_the_type"),
    ),
    Bug(
        "session-unreadable-given-up",
        "what can not be read is told and stays",
        "storage/opened.py",
        'if self._rules.on_corrupt == "raise":',
        'if self._rules.on_corrupt == "never":',
        _laws("bad", "told_and_stays and memory"),
    ),
    Bug(
        "session-without-turns",
        "where there are no leases the remedies are named",
        "storage/sessions.py",
        'self._store.capabilities.atomic != "shared"',
        'self._store.capabilities.atomic == "nowhere"',
        _laws("locks", "remedies"),
    ),
    Bug(
        "session-process-without-turns",
        "sessions of a process take turns where they are asked to",
        "storage/sessions.py",
        "        return turns_of(self._store, in_process=True)\n",
        "        return None\n",
        _laws("locks", "dict or in_the_process"),
    ),
    Bug(
        "session-written-too-late",
        "who has lost the lease stores nothing",
        "storage/visits.py",
        "            if not held:\n",
        "            if held is None:\n",
        _laws("locks", "elsewhere_that_is_lost"),
    ),
    Bug(
        "session-lost-unheard",
        "who has lost the lease is told",
        "storage/seats.py",
        "        if not parting.held:\n",
        "        if parting.held is None:\n",
        _laws("locks", "has_lost_the_lease and memory"),
    ),
    Bug(
        "session-removed-by-nobody",
        "a session that runs out while somebody works on it was not removed",
        "storage/opened.py",
        "was_there = standing.is_there(now_ms)",
        "was_there = standing.found is not None",
        _laws("lifetimes", "is_in_use and memory"),
    ),
    Bug(
        "session-comes-back",
        "who gives way does not come back at the end",
        "storage/opened.py",
        "                self._give_way(parting.raw)\n",
        "                pass\n",
        _laws("merging", "gives_way"),
    ),
    Bug(
        "session-deleted-under-the-hands",
        "to delete waits for who works on it",
        "storage/sessions.py",
        "with self._leases.hold(text, ttl=ttl, wait=wait):",
        "if text is not None:",
        _laws("locks", "delete_waits and memory"),
    ),
    Bug(
        "session-key-unescaped",
        "two keys are never written alike",
        "storage/core/subjects.py",
        'str(part).replace("%", "%25").replace(":", "%3A")',
        'str(part).replace(":", "%3A")',
        _laws("keys", "written"),
    ),
    Bug(
        "session-of-any-part",
        "the sessions of some are those and no others",
        "storage/sessions.py",
        "parts is not None and all(",
        "parts is not None and any(",
        _laws("listing", "those_and_no_others"),
    ),
    Bug(
        "session-of-an-unknown-part",
        "a part that there is none of is refused at the call",
        "storage/core/subjects.py",
        "    for name, part in parts.items():\n        _check_name(name)\n",
        "    for name, part in parts.items():\n",
        _laws("bad", "bad_argument"),
    ),
    Bug(
        "session-of-a-reply",
        "a thread of replies is no topic",
        "storage/core/subjects.py",
        'return getattr(message, "message_thread_id", None) if is_topic else None',
        'return getattr(message, "message_thread_id", None)',
        _laws("keys", "of_nobody"),
    ),
    Bug(
        "session-of-nobody",
        "an event without its user has no key",
        "storage/core/subjects.py",
        'for part in chosen if part in ("chat", "user"))',
        'for part in chosen if part in ("chat",))',
        _laws("keys", "of_nobody"),
    ),
    Bug(
        "session-key-that-can-not-be-called",
        "a bad option is refused before anything is touched",
        "storage/core/rules.py",
        'plain("key", called("key", key))',
        'plain("key", key)',
        _laws("bad", "key and option"),
    ),
]
