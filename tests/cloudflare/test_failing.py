"""What a reply means that is no answer, and what is done about it; nothing of a network."""

from __future__ import annotations

import json
from typing import Any

import pytest

from storage import (
    AccessDeniedError,
    ClosedError,
    ConfigurationError,
    OutcomeUnknownError,
    StorageError,
    UnavailableError,
)
from storage.cloudflare.failing import (
    CLOSED,
    PART,
    TOO_LARGE,
    TOO_LATE,
    Answer,
    Course,
    LateError,
    Phase,
    Progress,
    Trouble,
    hinted,
    understood,
)
from storage.cloudflare.wire import Removal, Reply, reading, reading_value

pytestmark = pytest.mark.timed

GET, DELETE = reading(["k"]), Removal(["k"]).request()
BROKEN = Trouble(Phase.SENT, ConnectionResetError("reset by peer"))
REFUSED = Trouble(Phase.UNSENT, ConnectionRefusedError("refused"))
SILENT = Trouble(Phase.SENT, LateError("silent"))


def reply(status: int, code: int = 0, **headers: str) -> Reply:
    told = {"success": False, "errors": [{"code": code, "message": "a secret"}], "result": None}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, names, json.dumps(told).encode())


def trouble(request: Any, status: int, code: int = 0, **headers: str) -> Trouble:
    found = understood(request, reply(status, code, **headers))
    assert isinstance(found, Trouble)
    return found


def given_up(course: Course, request: Any, *troubles: Trouble, now: float = 0.0) -> StorageError:
    """What the last of *troubles* ends with, after all others were waited for."""
    for one in troubles[:-1]:
        assert isinstance(course.after(request, one, 0.0), float)
    step = course.after(request, troubles[-1], now)
    assert isinstance(step, StorageError)
    return step


@pytest.mark.parametrize(
    ("status", "code", "kind", "says"),
    [
        (401, 10000, AccessDeniedError, "refuses the token"),
        (403, 9109, AccessDeniedError, "refuses the token"),
        (400, 6003, AccessDeniedError, "refuses the token"),
        (403, 0, AccessDeniedError, "refuses the token"),
        (404, 10013, ConfigurationError, "check account_id, namespace_id and base_url"),
        (404, 7003, ConfigurationError, "check account_id, namespace_id and base_url"),
        (404, 0, ConfigurationError, "check account_id, namespace_id and base_url"),
        (400, 10011, ConfigurationError, "check account_id, namespace_id and base_url"),
        (302, 0, ConfigurationError, "leads elsewhere"),
        (400, 10012, StorageError, "refuses the request (400, code 10012)"),
        (405, 7001, StorageError, "refuses the request (405, code 7001)"),
    ],
)
@pytest.mark.parametrize("request_", [GET, DELETE], ids=["read", "write"])
def test_a_refusal_for_good_is_given_up_at_once_and_says_what_to_check(
    status: int, code: int, kind: type[StorageError], says: str, request_: Any
) -> None:
    error = given_up(Course(until=10), request_, trouble(request_, status, code))

    assert type(error) is kind
    assert says in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(("status", "code"), [(429, 10022), (500, 0), (502, 0), (503, 10001),
                                              (520, 0), (524, 0), (408, 0)])  # fmt: skip
@pytest.mark.parametrize("request_", [GET, DELETE], ids=["read", "write"])
def test_what_passes_is_tried_again_after_longer_and_longer_pauses(
    status: int, code: int, request_: Any
) -> None:
    course = Course(until=1e9)
    first = 1.0 if status == 429 else 0.1

    for attempt in range(8):
        pause = course.after(request_, trouble(request_, status, code), 0.0)

        most = min(first * 2**attempt, 5.0)
        assert isinstance(pause, float)
        assert most / 2 <= pause <= most


def test_a_connection_that_was_closed_while_nobody_used_it_is_made_anew_at_once() -> None:
    course = Course(until=10)

    pauses = [course.after(DELETE, BROKEN, 0.0) for _ in range(3)]

    assert [pause == 0 for pause in pauses] == [True, False, False]


@pytest.mark.parametrize(
    ("troubles", "reads", "writes"),
    [
        ([REFUSED], UnavailableError, UnavailableError),
        ([TOO_LATE], UnavailableError, UnavailableError),
        ([trouble(GET, 429)], UnavailableError, UnavailableError),
        ([BROKEN], UnavailableError, OutcomeUnknownError),
        ([SILENT], UnavailableError, OutcomeUnknownError),
        ([trouble(GET, 503)], UnavailableError, OutcomeUnknownError),
        ([trouble(GET, 408)], UnavailableError, OutcomeUnknownError),
        ([BROKEN, REFUSED], UnavailableError, OutcomeUnknownError),
        ([BROKEN, trouble(GET, 429)], UnavailableError, OutcomeUnknownError),
        ([BROKEN, trouble(GET, 403)], AccessDeniedError, OutcomeUnknownError),
        ([trouble(GET, 429), trouble(GET, 403)], AccessDeniedError, AccessDeniedError),
    ],
)
def test_what_may_have_been_applied_is_never_called_unavailable(
    troubles: list[Trouble], reads: type[StorageError], writes: type[StorageError]
) -> None:
    for request, kind in ((GET, reads), (DELETE, writes)):
        course = Course(until=100)
        for one in troubles[:-1]:
            course.after(request, one, 0.0)

        error = given_up(course, request, troubles[-1], now=100.0)

        assert type(error) is kind


def test_what_was_done_meanwhile_is_doubted_no_more() -> None:
    course = Course(until=10, total=2)
    course.after(DELETE, BROKEN, 0.0)
    course.went_on(1, 0)

    error = given_up(course, DELETE, trouble(DELETE, 403))

    assert type(error) is AccessDeniedError
    assert "1 of 2 entries are done for certain" in str(error)


def test_what_was_left_may_have_been_done_before() -> None:
    course = Course(until=10, total=2)
    course.after(DELETE, BROKEN, 0.0)
    course.went_on(1, 1)

    error = given_up(course, DELETE, PART, now=9.9)

    assert type(error) is OutcomeUnknownError
    assert "it may be done or not, so do it again; 1 of 2 entries" in str(error)


def test_a_part_that_is_done_is_never_called_unavailable() -> None:
    course = Course(until=1, total=20_000)
    course.went_on(10_000, 0)

    error = given_up(course, DELETE, trouble(DELETE, 429, retry_after="30"))

    assert type(error) is OutcomeUnknownError
    assert "10000 of 20000 entries are done for certain" in str(error)
    assert "in 30 seconds" in str(error)


def test_a_part_that_is_left_is_asked_for_again_until_the_deadline() -> None:
    course = Course(until=10, total=3)

    assert 0.5 <= course.after(DELETE, PART, 0.0) <= 1.0  # type: ignore[operator]
    error = given_up(course, DELETE, PART, now=9.9)

    assert type(error) is UnavailableError
    assert "does not say why" in str(error)


def test_a_hint_is_followed_where_the_deadline_is_later() -> None:
    busy = trouble(GET, 429, retry_after="3")

    pause = Course(until=10).after(GET, busy, 6.5)
    assert isinstance(pause, float)
    assert 3.0 <= pause < 3.5
    assert isinstance(Course(until=10).after(GET, busy, 7.5), UnavailableError)


def test_a_hint_beyond_the_deadline_is_told() -> None:
    error = given_up(Course(until=10), GET, trouble(GET, 429, 10022, retry_after="20000"))

    assert str(error) == (
        "Cloudflare has been asked too often (429, code 10022): "
        "it may be asked again in 20000 seconds"
    )


@pytest.mark.parametrize(("told", "says"), [("1", "in 1 second"), ("2", "in 2 seconds")])
def test_an_error_says_what_was_and_then_what_to_do(told: str, says: str) -> None:
    course = Course(until=0.5, total=3)
    course.after(DELETE, BROKEN, 0.0)

    error = given_up(course, DELETE, trouble(DELETE, 503, retry_after=told))

    assert str(error) == (
        f"Cloudflare fails (503): it may be asked again {says}; it may be done or not, "
        "so do it again; 0 of 3 entries are done for certain"
    )


def test_an_error_that_says_what_to_check_says_what_to_do_after_that() -> None:
    course = Course(until=9)
    course.after(DELETE, BROKEN, 0.0)

    error = given_up(course, DELETE, trouble(DELETE, 404))

    assert str(error).endswith("and base_url (404); it may be done or not, so do it again")


def test_those_who_got_one_hint_come_back_one_after_the_other() -> None:
    busy = trouble(GET, 429, retry_after="100")

    pauses = {Course(until=1000).after(GET, busy, 0.0) for _ in range(20)}

    assert len(pauses) > 10
    assert all(isinstance(pause, float) and 100 <= pause <= 110 for pause in pauses)


def test_a_hint_is_never_followed_beyond_the_deadline() -> None:
    busy = trouble(GET, 429, retry_after="100")

    pauses = [Course(until=100.1).after(GET, busy, 0.0) for _ in range(20)]

    assert all(isinstance(pause, float) and 100 <= pause < 100.1 for pause in pauses)


def test_a_list_that_was_interrupted_for_too_long_is_begun_again() -> None:
    error = given_up(Course(until=10), GET, trouble(GET, 400, 10034))

    assert "interrupted for too long (400, code 10034): begin it again" in str(error)


@pytest.mark.parametrize(
    ("troubles", "done", "kind"),
    [
        ([CLOSED], 0, ClosedError),
        ([CLOSED], 1, OutcomeUnknownError),
        ([REFUSED, CLOSED], 0, ClosedError),
        ([BROKEN, CLOSED], 0, OutcomeUnknownError),
    ],
)
def test_what_may_be_done_is_never_called_closed(
    troubles: list[Trouble], done: int, kind: type[StorageError]
) -> None:
    course = Course(until=10, total=3)
    course.went_on(done, 0)

    error = given_up(course, DELETE, *troubles)

    assert type(error) is kind


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "9" * 5000}, 999_999_999.0),
        (
            {
                "retry-after": "Thu, 26 Nov 2026 10:00:30 GMT",
                "date": "Thu, 26 Nov 2026 10:00:00 GMT",
            },
            30.0,
        ),
        (
            {
                "retry-after": "Thu, 26 Nov 2026 10:00:00 GMT",
                "date": "Thu, 26 Nov 2026 10:00:30 GMT",
            },
            None,
        ),
        ({"ratelimit": '"default";r=0;t=30'}, 30.0),
        ({"ratelimit": '"default"; r=0; t=30'}, 30.0),
        ({"ratelimit": '"default";r=5;t=30'}, None),
        ({"ratelimit": '"default";r=5;t=30, "burst";r=0;t=4'}, 4.0),
        ({"ratelimit": '"default";r=0;t=30, "burst";r=0;t=4'}, 30.0),
        ({"ratelimit": '"default";r=0;t=0'}, None),
        ({"ratelimit": "default"}, None),
        ({"retry-after": "2", "ratelimit": '"default";r=0;t=30'}, 2.0),
    ],
)
def test_a_hint_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert hinted(headers) == seconds


def test_a_date_without_another_is_one_of_our_clock() -> None:
    assert hinted({"retry-after": "Thu, 26 Nov 1970 10:00:30 GMT"}) is None
    assert (hinted({"retry-after": "Thu, 26 Nov 2999 10:00:30 GMT"}) or 0) > 1e9


def test_what_was_said_before_a_silence_is_what_it_is_given_up_with() -> None:
    error = given_up(Course(until=10), GET, trouble(GET, 503), SILENT, now=10.0)

    assert "Cloudflare fails (503)" in str(error)


def test_what_is_too_large_is_so_whatever_else_is_said() -> None:
    assert understood(GET, reply(413)) == Answer(TOO_LARGE)
    assert understood(GET, reply(400, 10024)) == Answer(TOO_LARGE)
    assert understood(GET, Reply(413, {}, b"<html>")) == Answer(TOO_LARGE)


def test_only_one_key_by_itself_may_be_missing() -> None:
    assert understood(reading_value("k"), reply(404, 10009)) == Answer(None)
    assert isinstance(understood(GET, reply(404, 10009)), Trouble)
    assert isinstance(understood(reading_value("k"), reply(404, 10013)), Trouble)


def test_a_success_that_tells_errors_is_none() -> None:
    error = given_up(Course(until=10), GET, trouble(GET, 200, 10000))

    assert type(error) is AccessDeniedError


class _Said:
    def __init__(self, method: bytes) -> None:
        self.method = method


def test_how_far_a_request_has_come_is_what_the_client_tells() -> None:
    error = OSError()
    unseen, connecting, sent, tunnel = Progress(), Progress(), Progress(), Progress()
    connecting.note("connection.connect_tcp.started", {})
    sent.note("http11.send_request_headers.started", {"request": _Said(b"POST")})
    tunnel.note("http11.send_request_headers.started", {"request": _Said(b"CONNECT")})

    found = [progress.phase(error) for progress in (unseen, connecting, sent, tunnel)]

    assert found == [Phase.SENT, Phase.UNSENT, Phase.SENT, Phase.UNSENT]
