"""When a graph is recorded, and that one is given up where memory lacks; with fakes for what needs a GPU."""

import pytest
import torch

from artlives.engines import graphs


class FakeGraph:
    """It paints as it was recorded, but for a memory that may lack."""

    recorded = 0
    lacking = False

    def __init__(self, paint, x, pool):
        type(self).recorded += 1
        self.pool = pool or type(self).recorded
        if self.lacking:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.paint = paint

    def __call__(self, x):
        return self.paint(x)


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(FakeGraph, "recorded", 0)
    monkeypatch.setattr(FakeGraph, "lacking", False)
    monkeypatch.setattr(graphs, "Graph", FakeGraph)
    return FakeGraph


def pictures(side, value=1.0):
    return torch.full((1, 3, side, side), float(value))


def test_a_graph_is_recorded_the_second_time(fake):
    paint = graphs.Graphs(lambda x: x + 1)
    for i in range(4):
        assert torch.equal(paint(pictures(4, i)), pictures(4, i + 1))
        assert fake.recorded == min(i, 1)
    paint(pictures(4).half())
    assert fake.recorded == 1


def test_the_latest_shapes_are_kept(fake):
    paint = graphs.Graphs(lambda x: x)
    for side in range(2, 4 + graphs.GRAPHS):
        paint(pictures(side))
        paint(pictures(side))
    assert [shape[-1] for shape, _ in paint.graphs] == [4, 5, 6, 7]


def test_they_share_memory(fake):
    paint = graphs.Graphs(lambda x: x)
    for side in range(2, 4 + graphs.GRAPHS):
        paint(pictures(side))
        paint(pictures(side))
    assert {graph.pool for graph in paint.graphs.values()} == {1}


def test_large_pictures_are_not_recorded(fake, monkeypatch):
    monkeypatch.setattr(graphs, "LARGEST_GRAPH", 24)
    paint = graphs.Graphs(lambda x: x)
    for _ in range(2):
        paint(pictures(5))
    assert not paint.graphs


def test_a_graph_that_memory_lacks_for_is_given_up(fake):
    paint = graphs.Graphs(lambda x: x + 1)
    paint(pictures(4))
    paint(pictures(4))
    paint(pictures(6))
    fake.lacking = True
    assert torch.equal(paint(pictures(6, 2)), pictures(6, 3))
    assert not paint.graphs
    # It is not tried again for such a size or a larger one, but for a smaller one.
    for side, recorded in ((6, 2), (7, 2), (5, 3)):
        for _ in range(3):
            assert torch.equal(paint(pictures(side, 2)), pictures(side, 3))
        assert fake.recorded == recorded


def test_pictures_take_the_memory_of_graphs(fake):
    held = []

    def paint(x):
        if x.shape[2] == 9 and held:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return x + 1

    painted = graphs.Graphs(paint)
    painted(pictures(4))
    painted(pictures(4))
    held.append(painted.graphs)
    painted.graphs.clear = lambda: held.clear()
    assert torch.equal(painted(pictures(9)), pictures(9, 2.0))


def test_a_picture_that_does_not_fit_is_told(fake):
    def lacking(x):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        graphs.Graphs(lacking)(pictures(4))
