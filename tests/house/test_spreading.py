"""Workers of pytest-xdist do every test once, and those of one group are done by one of them."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("xdist", reason="tests are spread by pytest-xdist")

from tests.spreading import Spreading

TESTS = [f"test_spread.py::test_[{number}]{'@one' * (number % 7 == 3)}" for number in range(100)]


class Worker:
    """One that is told what to do."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.shutting_down = False
        self.gateway = SimpleNamespace(id="a worker")

    def send_runtest_some(self, places: Sequence[int]) -> None:
        self.told += places

    def shutdown(self) -> None:
        self.shutting_down = True


@pytest.fixture
def spreading() -> Spreading:
    option = SimpleNamespace(loadscopereorder=True, tx=["popen", "popen"], debug=False)
    config: Any = SimpleNamespace(option=option, getvalue=lambda name: option.tx)
    return Spreading(config)


@pytest.fixture
def workers(spreading: Spreading) -> list[Worker]:
    workers = [Worker(), Worker()]
    for worker in workers:
        spreading.add_node(worker)
        spreading.add_node_collection(worker, TESTS)
    spreading.schedule()
    return workers


def test_every_test_is_done_once_and_a_group_by_one(
    spreading: Spreading, workers: list[Worker]
) -> None:
    done: list[list[int]] = [[], []]
    while not spreading.tests_finished:
        for worker, its in zip(workers, done):
            for place in worker.told[len(its) :][:1]:
                its.append(place)
                spreading.mark_test_complete(worker, place)
    for worker, its in zip(workers, done):
        its += worker.told[len(its) :]

    assert all(worker.shutting_down for worker in workers)
    assert sorted(done[0] + done[1]) == [*range(len(TESTS))]
    group = {place for place, test in enumerate(TESTS) if test.endswith("@one")}
    assert any(group <= set(its) for its in done)
    assert all(len(its) > 20 for its in done)


def test_what_a_worker_has_not_done_when_it_dies_is_done_by_another(
    spreading: Spreading, workers: list[Worker]
) -> None:
    first, second = workers
    spreading.mark_test_complete(first, first.told[0])
    crashed = spreading.remove_node(first)
    assert crashed == TESTS[first.told[1]]

    done = 0
    while done < len(second.told):
        spreading.mark_test_complete(second, second.told[done])
        done += 1
    assert {*first.told[:1], *second.told} == {*range(len(TESTS))}
