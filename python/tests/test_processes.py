# SPDX-License-Identifier: Apache-2.0
"""What forked processes and threads share."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import recant

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def vault(problem, tmp_path: Path) -> recant.Vault:
    return recant.Vault.create(tmp_path / "m.rct", problem.fit(), epsilon=1.0, delta=1e-5,
                               releases=200, sigma=1.0)


@pytest.fixture
def plain(problem, tmp_path: Path) -> recant.Vault:
    """Without a budget a deletion trains, and tells of its progress."""
    return recant.Vault.create(tmp_path / "p.rct", problem.fit(), wait=0.3)


def in_child(work: Callable[[], object]) -> object:
    """What it returns in a forked process, or the text of its error."""
    answers = FORK.Queue()

    def tell() -> None:
        try:
            answers.put(work())
        except BaseException as error:
            answers.put(f"{type(error).__name__}: {error}")

    child = FORK.Process(target=tell)
    child.start()
    answer = answers.get(timeout=120)
    child.join()
    return answer


def in_threads(works: list[Callable[[], object]]) -> list[object]:
    """What each returns, or its error."""
    found: list[object] = [None] * len(works)

    def run(place: int) -> None:
        try:
            found[place] = works[place]()
        except BaseException as error:
            found[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads)
    return found


def assert_sound(vault: recant.Vault, rows_left: int) -> None:
    assert vault.check().fault is None and vault.status().rows_left == rows_left
    annex = sorted(Path(vault.path, "certificates").glob("*.annex.json"))[-1]
    assert vault.audit(annex=annex).verdict == "holds"


REFUSED = "was opened in the process that this one was forked from; open it in this process"


def test_a_fork_in_a_block_deletes_nothing_through_it(vault) -> None:
    with vault:
        assert vault.forget(399).done
        for what in (lambda: vault.forget(list(range(40))), lambda: vault.forget_requests({"a": 1}),
                     lambda: vault.outcome("a"), lambda: vault.forget(3, audit=True)):
            assert in_child(what) == f"UsageError: {vault.path}: {REFUSED}"
        assert vault.forget(398).done
    assert_sound(vault, 398)


def test_many_forks_at_once_harm_nothing(vault) -> None:
    with vault:
        assert vault.forget(399).done
        answers = FORK.Queue()

        def child(row: int) -> None:
            try:
                vault.forget(row)
            except recant.UsageError as error:
                answers.put(str(error))

        children = [FORK.Process(target=child, args=(row,)) for row in range(6)]
        for each in children:
            each.start()
        assert vault.forget(398).done
        assert all(REFUSED in answers.get(timeout=120) for _ in children)
        for each in children:
            each.join()
        assert vault.forget(397).done
    assert_sound(vault, 397)


def test_forks_read_what_the_folder_has(vault) -> None:
    with vault:
        assert vault.forget([1, 2]).done
        # Written behind the copy that the child has.
        go = FORK.Event()
        answers = FORK.Queue()

        def child() -> None:
            go.wait(20)
            answers.put((vault.status().rows_left, vault.estimator.coef_.tolist()))

        process = FORK.Process(target=child)
        process.start()
        assert vault.forget([3, 4]).done
        go.set()
        assert answers.get(timeout=120) == (396, vault.estimator.coef_.tolist())
        process.join()


def test_a_fork_opens_its_own_and_waits_for_the_block(vault) -> None:
    answers = FORK.Queue()
    path = vault.path

    def child() -> None:
        try:
            recant.Vault(path, wait=0).forget(1)
        except recant.BusyError:
            answers.put("busy")
        answers.put(recant.Vault(path).forget(1).done)

    with vault:
        assert vault.forget(399).done
        process = FORK.Process(target=child)
        process.start()
        assert answers.get(timeout=120) == "busy"
        assert vault.forget(398).done
    assert answers.get(timeout=120) is True
    process.join()
    assert_sound(vault, 397)


def test_a_fork_outside_a_block_writes_with_the_same_object(vault) -> None:
    assert vault.forget(399).done
    assert in_child(lambda: vault.forget(1).state) == "certified"
    with vault:
        assert in_child(lambda: vault.forget(2).state) == "certified"  # before the parent writes
        assert vault.forget(3).done
    assert_sound(vault, 396)


def test_a_fork_that_closes_its_copy_goes_on_as_any_other_process(vault) -> None:
    hasty = recant.Vault(vault.path, wait=0.2)

    def anew() -> object:
        hasty.close()
        return hasty.forget(4)

    with hasty:
        assert hasty.forget(3).done
        assert in_child(anew) == f"BusyError: {vault.path}: is being written by another process; try again later"
        assert hasty.forget(5).done
    assert in_child(lambda: anew().state) == "certified"
    assert_sound(vault, 397)


def test_a_fork_while_another_thread_writes(plain) -> None:
    """The child's copy was in the middle of a call: it is refused, at once, and nothing waits."""
    started, go = threading.Event(), threading.Event()

    def hold(*now: object) -> None:
        started.set()
        go.wait(20)

    thread = threading.Thread(target=lambda: plain.forget(1, progress=hold))
    thread.start()
    assert started.wait(100)
    begun = time.monotonic()
    assert in_child(lambda: plain.forget(2)) == f"UsageError: {plain.path}: {REFUSED}"
    assert in_child(lambda: plain.status().rows_left) == 400
    assert time.monotonic() - begun < 30
    go.set()
    thread.join()
    assert plain.forget(3).done


def test_threads_share_a_block(vault) -> None:
    with vault:
        assert vault.forget(399).done
        done = in_threads([lambda row=row: vault.forget(row).done for row in range(12)])
        assert done == [True] * 12
        assert vault.forget(398).done
    # Nobody holds it, whatever the threads did last.
    assert recant.Vault(vault.path, wait=0).forget(397).done
    assert_sound(vault, 385)


def test_blocks_of_threads_overlap(vault) -> None:
    def work(first: int) -> bool:
        with vault:
            return all(vault.forget(row).done for row in range(first, first + 3))

    assert in_threads([lambda at=at: work(10 * at) for at in range(4)]) == [True] * 4
    assert recant.Vault(vault.path, wait=0).forget(397).done
    assert_sound(vault, 387)


def test_an_audited_deletion_is_not_mixed_with_those_of_other_threads(vault) -> None:
    with vault:
        found = in_threads([lambda row=row: vault.forget(row, audit=True) for row in range(4)])
    for each in found:
        assert each.done and each.audit.verdict == "holds"


@pytest.mark.parametrize("what", ["forget", "requests", "outcome", "audit", "block"])
def test_a_thread_waits_no_longer_than_told(plain, what: str) -> None:
    vault = plain
    started, go = threading.Event(), threading.Event()

    def hold(*now: object) -> None:
        started.set()
        go.wait(20)

    def wait() -> None:
        with vault:
            vault.forget(3)

    calls = {"forget": lambda: vault.forget(2), "requests": lambda: vault.forget_requests({"a": 2}),
             "outcome": lambda: vault.outcome("a"), "audit": lambda: vault.forget(2, audit=True),
             "block": wait}
    thread = threading.Thread(target=lambda: vault.forget(1, progress=hold))
    thread.start()
    try:
        assert started.wait(100)
        begun = time.monotonic()
        with pytest.raises(recant.BusyError, match="another thread"):
            calls[what]()
        assert 0.3 <= time.monotonic() - begun < 30
        assert vault.status().rows_left == 400 and vault.estimator.coef_.shape == (1, 5)
    finally:
        go.set()
        thread.join()
    assert vault.forget(2).done


def test_ctrl_c_ends_the_wait_for_another_thread(problem, tmp_path: Path) -> None:
    vault = recant.Vault.create(tmp_path / "m.rct", problem.fit())
    started, go = threading.Event(), threading.Event()

    def hold(*now: object) -> None:
        started.set()
        go.wait(20)

    thread = threading.Thread(target=lambda: vault.forget(1, progress=hold))
    thread.start()
    assert started.wait(100)
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            vault.forget(2)
    finally:
        go.set()
        thread.join()
        timer.join()
    assert vault.forget(2).done


def test_no_deletion_of_threads_in_memory_is_lost(problem) -> None:
    for _ in range(40):
        model = problem.fit()
        assert in_threads([lambda row=row: model.forget(row).done for row in range(8)]) == [True] * 8
        with pytest.warns(recant.NotDeletedWarning):
            assert not any(model.forget(row).done for row in range(8))


def test_a_deletion_beside_a_correction_and_a_fit(problem) -> None:
    V = problem.part(problem.validation)
    groups = problem.group[problem.validation]
    for _ in range(10):
        model = problem.fit()
        corrected, gone = in_threads([
            lambda: model.correct(*V, sensitive_features=groups).applied,
            lambda: model.forget(7).done])
        assert corrected is True and gone is True
        with pytest.warns(recant.NotDeletedWarning):
            assert not model.forget(7).done


def test_a_deletion_beside_a_fit_comes_before_it_or_after(problem) -> None:
    rows = problem.part(problem.test)
    fresh = problem.fit().fit(*rows)
    shorter = copy.copy(fresh)
    assert shorter.forget(8).done
    for _ in range(10):
        model = problem.fit()
        again, gone = in_threads([lambda: model.fit(*rows), lambda: model.forget(8).done])
        assert again is model and gone is True
        assert any(np.array_equal(model.coef_, each.coef_) for each in (fresh, shorter))


def test_queries_see_the_one_model_or_the_other(problem) -> None:
    model, X = problem.fit(), problem.X
    before = model.decision_function(X)
    after_all = copy.copy(model)
    states = [before]
    for row in range(10):
        after_all.forget(row)
        states.append(after_all.decision_function(X))
    over, wrong = threading.Event(), []

    def ask() -> None:
        while not over.is_set():
            seen = model.decision_function(X)
            if not any(np.array_equal(seen, state) for state in states):
                wrong.append(seen)

    thread = threading.Thread(target=ask)
    thread.start()
    for row in range(10):
        assert model.forget(row).done
    over.set()
    thread.join()
    assert not wrong


@pytest.mark.parametrize("inner", ["forget", "correct", "fit"])
def test_a_callback_does_not_move_the_model_that_is_being_moved(problem, inner: str) -> None:
    V, groups = problem.part(problem.validation), problem.group[problem.validation]
    model = problem.fit()
    moves = {"forget": lambda: model.forget(1),
             "correct": lambda: model.correct(*V, sensitive_features=groups),
             "fit": lambda: model.fit(*problem.part(problem.train))}
    refused = []

    def move(*now: object) -> None:
        if not refused:
            with pytest.raises(recant.UsageError, match="is busy with the call that this is a part"):
                moves[inner]()
            refused.append(now)

    assert model.forget(2, progress=move).done and refused
    assert copy.copy(model).forget(1).done and model.forget(1).done


def test_a_fork_while_another_thread_moves_a_model(problem) -> None:
    model = problem.fit()
    started, go = threading.Event(), threading.Event()

    def hold(*now: object) -> None:
        started.set()
        go.wait(20)

    thread = threading.Thread(target=lambda: model.forget(1, progress=hold))
    thread.start()
    assert started.wait(100)
    assert in_child(lambda: model.forget(2).done) is True
    go.set()
    thread.join()
    assert pickle.loads(pickle.dumps(model)).forget(2).done and model.forget(2).done
