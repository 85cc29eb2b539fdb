"""Who does the work: our own threads, or the team of another library."""

import _thread
import ctypes
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from artlives import openmp
from artlives.core import Reading, abi, instruction_sets, materialize, set_team, threads

pytestmark = pytest.mark.skipif(not instruction_sets(), reason="the compiled core was not built")

# What `csrc/abi.h` calls Work.
WORK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal((64, 5, 4)).astype(np.float32)


@pytest.fixture
def teams(monkeypatch):
    """The threads that each job was given to a team of ours with."""
    found = []

    def team(work, job, count):
        found.append(count)
        work(job)

    monkeypatch.setattr(threads, "_find_team", threads._find_team)
    set_team(lambda: team)
    return found


def test_a_team_does_the_work_of_several_threads(teams, x):
    target = np.full_like(x, np.nan)
    materialize(Reading(x), target, 3)
    assert np.array_equal(target, x)
    assert teams == [3]


def test_one_thread_needs_no_team(teams, x):
    materialize(Reading(x), np.empty_like(x), 1)
    # As many rows as one thread gets.
    materialize(Reading(x[:4]), np.empty_like(x[:4]), 3)
    assert not teams


def test_without_a_team_our_own_threads_do(x, monkeypatch):
    monkeypatch.setattr(threads, "_find_team", lambda: None)
    target = np.full_like(x, np.nan)
    materialize(Reading(x), target, 3)
    assert np.array_equal(target, x)


def test_a_failed_piece_is_told():
    failing = WORK(lambda *arguments: -1)
    task = abi.Unit()
    with pytest.raises(MemoryError):
        threads.share(ctypes.cast(failing, ctypes.c_void_p).value, [(task, 0, 1)], None, 1)


@pytest.mark.parametrize("find", [lambda: None, openmp.team], ids=["our own threads", "torch's team"])
def test_an_interrupt_is_raised_when_all_threads_have_let_go(monkeypatch, find):
    monkeypatch.setattr(threads, "_find_team", find)
    main, begun, ended = threading.get_ident(), threading.Event(), threading.Event()

    @WORK
    def work(*_):
        # Each thread takes one of the two pieces.
        if threading.get_ident() == main:
            begun.wait(30)
            return 0
        begun.set()
        for _ in range(3):
            # By then, the main thread waits for this one.
            time.sleep(0.1)
            _thread.interrupt_main()
        time.sleep(0.1)
        ended.set()
        return 0

    task = abi.Unit()
    with pytest.raises(KeyboardInterrupt):
        threads.share(ctypes.cast(work, ctypes.c_void_p).value, [(task, 0, 1), (task, 1, 2)], None, 2)
    assert ended.is_set()


def test_after_a_failed_piece_no_other_is_begun():
    begun = []

    @WORK
    def failing(task, first, last, totals):
        begun.append(first)
        return -1

    pieces = [(abi.Unit(), row, row + 1) for row in range(9)]
    with pytest.raises(MemoryError):
        threads.share(ctypes.cast(failing, ctypes.c_void_p).value, pieces, None, 1)
    assert begun == [0]


def test_callers_share_the_threads(x, monkeypatch):
    monkeypatch.setattr(threads, "_find_team", lambda: None)

    def copied(count):
        target = np.full_like(x, np.nan)
        materialize(Reading(x), target, count)
        return np.array_equal(target, x)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(copied, [1, 2, 3, 4] * 50))


def test_torchs_team_is_found_where_torch_is_loaded(monkeypatch):
    assert "torch" in sys.modules
    monkeypatch.delitem(sys.modules, "torch")
    assert openmp.team() is None


@pytest.mark.skipif(sys.platform != "linux", reason="torch has GNU's OpenMP on Linux")
def test_torchs_team_paints_the_same(x, monkeypatch):
    if openmp.team() is None:
        pytest.skip("this torch has another OpenMP")
    used = []

    def find():
        used.append(openmp.team())
        return used[-1]

    monkeypatch.setattr(threads, "_find_team", find)
    target = np.full_like(x, np.nan)
    materialize(Reading(x), target, 3)
    assert np.array_equal(target, x)
    assert all(used)
    assert len(used) == 1


def test_the_core_is_numpy_alone():
    code = (
        "import sys, artlives.core; sys.exit(any(name in sys.modules for name in ('torch', 'PIL', 'click')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pieces_cover_all_rows():
    for first, last, count, images in ((0, 1, 8, 1), (3, 100, 3, 1), (0, 9, 2, 5)):
        edges = threads.edges(first, last, count, images)
        assert (edges[0], edges[-1]) == (first, last)
        assert edges == sorted(set(edges))
