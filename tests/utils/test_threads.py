"""Work side by side: every piece once, one thread of torch each, nothing left behind."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from sk_inceptionxml._utils.threads import side_by_side, torch_threads


@pytest.fixture(params=[1, 3])
def n_threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def in_a_new_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_every_piece_is_worked_on_once_with_one_thread_of_torch(n_threads):
    seen, ones = [], torch.ones(100_000)

    def work(piece):
        ones.add(1)  # torch may take over the number of threads of others at its first operation
        seen.append((piece, torch.get_num_threads()))

    side_by_side(work, iter(range(20)))
    assert sorted(seen) == [(piece, 1) for piece in range(20)]


def test_as_many_pieces_at_once_as_torch_has_threads(n_threads):
    barrier = threading.Barrier(n_threads)
    side_by_side(lambda _: barrier.wait(timeout=30), range(2 * n_threads))


def test_the_number_of_threads_is_as_before_here_and_in_threads_started_later(n_threads):
    before = threading.active_count()
    side_by_side(lambda piece: None, range(5))
    assert torch_threads() == torch.get_num_threads() == n_threads
    assert in_a_new_thread(torch.get_num_threads) == n_threads
    assert threading.active_count() == before


def test_an_error_of_a_piece_is_raised(n_threads):
    def work(piece):
        if piece == 3:
            raise ValueError("piece 3")

    with pytest.raises(ValueError, match="piece 3"):
        side_by_side(work, range(50))
    assert torch.get_num_threads() == n_threads


def test_no_piece_is_no_work(n_threads):
    side_by_side(lambda piece: pytest.fail("called"), [])


def test_pieces_are_taken_one_by_one_and_no_more_after_an_error(n_threads):
    taken, busy = [], threading.Lock()

    def pieces():
        for piece in range(50):
            assert busy.acquire(blocking=False)
            taken.append(piece)
            busy.release()
            yield piece

    def work(piece):
        time.sleep(0.005)
        if piece == 3:
            raise ValueError("piece 3")

    with pytest.raises(ValueError, match="piece 3"):
        side_by_side(work, pieces())
    assert 4 <= len(taken) < 50


def test_an_error_of_the_pieces_is_raised(n_threads):
    def pieces():
        yield 0
        raise ValueError("no piece")

    with pytest.raises(ValueError, match="no piece"):
        side_by_side(lambda piece: None, pieces())
