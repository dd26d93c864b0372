"""Pieces: there wholly or not at all, made once, by one worker or several, and quantiles of all of them exact."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ground_motion.rasters.pieces import Folder, Memory, PieceBands, Pieces, pack
from ground_motion.rasters.windows import Window, cut, grown, inner
from ground_motion.runtime.ahead import AT_ONCE, Feed
from ground_motion.statistics.quantiles import quantile
from ml.runs.pieces import Objects


@pytest.fixture(params=["folder", "memory", "objects"])
def store(request, tmp_path):
    if request.param == "objects":
        return Objects(request.getfixturevalue("object_storages")()["pieces"], "7/a")
    return Folder(tmp_path / "pieces", "a") if request.param == "folder" else Memory()


class Board:
    """A team within this process: whoever has a piece in hand keeps it."""

    def __init__(self) -> None:
        self.taken = set()
        self._lock = threading.Lock()

    def share(self, missing: int) -> bool:
        return True

    def take(self, name: str) -> bool:
        with self._lock:
            free = name not in self.taken
            self.taken.add(name)
        return free


class Careless(Board):
    """A team without claims."""

    take = Board.share


def test_a_piece_is_made_once_and_only_what_is_missing_is_made_again(store):
    made = []

    def work(number: int) -> dict[str, np.ndarray]:
        made.append(number)
        return {"a": np.full((2, 3), number, dtype=np.float32)}

    pieces = Pieces(store)
    pieces.each("first", {"x": 1, "y": 2}, work)
    store.drop(["first@x"])
    pieces.each("first", {"x": 1, "y": 2, "z": 3}, work)
    assert made == [1, 2, 1, 3]
    assert (pieces.get("first", "z")["a"] == 3).all()
    assert (
        pieces.once("facts", lambda: [1.5, None, {"a": 0.1}]) == pieces.once("facts", list) == [1.5, None, {"a": 0.1}]
    )


@pytest.mark.parametrize("store", ["folder", "objects"], indirect=True)
def test_a_damaged_piece_is_made_again(store, monkeypatch):
    with monkeypatch.context() as broken:
        module = f"{type(store).__module__}.pack"
        broken.setattr(module, lambda arrays: (pack(arrays)[0], pack(arrays)[1][:-1] + b"?"))
        Pieces(store).each("first", {"x": 1}, lambda _: {"a": np.arange(5)})
    assert store.names("first") == {"first@x"}
    with pytest.raises(KeyError):
        store.get("first@x")
    Pieces(store).each("first", {"x": 1}, lambda _: {"a": np.arange(6)})
    assert len(store.get("first@x")["a"]) == 6


def test_pieces_of_other_code_or_weights_are_deleted_but_not_by_a_worker_that_joins(tmp_path):
    Folder(tmp_path / "pieces", "a").put("x", {"a": np.arange(5)})
    assert not Folder(tmp_path / "pieces", "b", joined=True).names()
    assert Folder(tmp_path / "pieces", "a", joined=True).names() == {"x"}
    assert not Folder(tmp_path / "pieces", "b").names()
    assert not Folder(tmp_path / "pieces", "a").names()


def staged(pieces: Pieces, made: list[str], feed: Feed = AT_ONCE) -> tuple[object, ...]:
    """A computation of several stages that depend on the whole of those before, and what it comes to."""
    items = {str(number): number for number in range(8)}

    def first(number: int) -> dict[str, np.ndarray]:
        made.append(f"first@{number}")
        return {"a": np.random.default_rng(number).normal(size=500).astype(np.float32)}

    def second(number: int) -> dict[str, np.ndarray]:
        made.append(f"second@{number}")
        return {"b": pieces.get("first", str(number))["a"] - np.float32(middle) * np.float32(scale)}

    pieces.each("first", items, first, lambda number: number, feed)
    (middle,) = pieces.quantiles("middle", items, lambda number: [pieces.get("first", str(number))["a"]], 0.5)
    scale = pieces.once("scale", lambda: float(sum(pieces.get("first", place)["a"][0] for place in items)))
    pieces.each("second", items, second)
    return (middle, scale, *(pieces.get("second", place)["b"].tobytes() for place in items))


@pytest.mark.parametrize(("team", "feed"), [(Board, AT_ONCE), (Board, Feed(readers=2)), (Careless, Feed(readers=2))])
def test_several_workers_make_the_same_as_one(store, team, feed):
    n, board, made = 3, team(), []
    with ThreadPoolExecutor(n) as pool:
        results = {*pool.map(lambda _: staged(Pieces(store, team=board), made, feed), range(n))}
    assert results == {staged(Pieces(), [])}
    assert len(set(made)) == 16
    assert team is Careless or len(made) == 16  # each was made once


@pytest.mark.parametrize("store", ["folder", "memory"], indirect=True)
def test_names_are_listed_while_another_thread_stores_pieces(store):
    known = {f"first@{number}" for number in range(300)}
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns within a listing
    try:
        with ThreadPoolExecutor(1) as pool:
            storing = pool.submit(lambda: [store.put(name, {"a": np.zeros(1)}) for name in sorted(known)])
            while not storing.done():
                assert store.names() <= known
            storing.result()
    finally:
        sys.setswitchinterval(interval)
    assert store.names() == known


def test_a_worker_waits_for_what_another_one_has_in_hand_and_makes_what_that_one_gave_up(store, monkeypatch):
    board, made, waits = Board(), [], []
    board.taken = {"first@x", "first@y"}
    pieces = Pieces(store, team=board)

    def others_go_on(_: float) -> None:
        waits.append(len(made))
        if len(waits) == 2:
            store.put("first@x", {"a": np.array([10])})
        if len(waits) == 4:
            board.taken.remove("first@y")  # whoever had it is dead, and its claim has expired

    monkeypatch.setattr("ground_motion.rasters.pieces.time.sleep", others_go_on)
    pieces.each("first", {"x": 1, "y": 2, "z": 3}, lambda number: made.append(number) or {"a": np.array([number])})
    assert (made, waits) == ([3, 2], [1, 1, 1, 1])
    assert [int(pieces.get("first", place)["a"][0]) for place in "xyz"] == [10, 2, 3]


def test_one_that_leaves_the_work_begins_no_more_and_leaves_no_reader():
    class Leaves(Exception):
        pass

    store, begun, read = Memory(), [], []

    def between() -> None:
        begun.append(len(store.names()))
        if len(begun) > 6:
            raise Leaves

    def of(number: int) -> np.ndarray:
        read.append(number)
        return np.array([number])

    pieces = Pieces(store, between)
    items = {str(number): number for number in range(20)}
    with pytest.raises(Leaves):
        pieces.each("first", items, lambda values: {"a": values}, of, Feed(readers=2))
    assert store.names() == {f"first@{number}" for number in range(3)}  # of six begun, as many as one waits for
    assert set(read) <= set(range(6))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("reader")]


@pytest.mark.parametrize(
    ("n", "share"), [(1, 0.5), (2, 0.16), (7, 0.0), (7, 1.0), (1000, 0.16), (30_001, 0.5), (30_001, 0.0), (30_001, 1.0)]
)
def test_quantiles_of_all_pieces_are_exact(n, share):
    rng = np.random.default_rng(n)
    values = rng.normal(0, 1, n).astype(np.float32) ** 3
    values[rng.random(n) < 0.2] = np.nan
    values[0] = -0.0
    expected = float(np.nanquantile(values.astype(np.float64), share))
    parts = np.array_split(values, 7)
    assert quantile(lambda: parts, share) == pytest.approx(expected, rel=1e-7, abs=1e-12)
    items = {str(number): number for number in range(7)}
    unknown = np.full(3, np.nan, dtype=np.float32)
    both = Pieces().quantiles("q", items, lambda number: [unknown, parts[number]], share)
    assert both == [None, quantile(lambda: parts, share)]


def test_bands_are_put_together_from_their_pieces():
    whole = np.arange(77, dtype=np.float32).reshape(7, 11)
    at, pieces = cut(whole.shape, 4), Pieces()
    pieces.each("bands", at, lambda here: {"a": whole[inner(here, Window(0, 0, 7, 11))]} if here.row else {})
    bands = PieceBands(pieces, "bands", (7, 11), ["a", "b"], at)
    assert np.isnan(bands["a"][:4]).all()
    np.testing.assert_array_equal(bands["a"][4:], whole[4:])
    assert np.isnan(bands["b"]).all()
    assert list(bands) == ["a", "b"]
    assert grown(Window(4, 8, 3, 3), 2, (7, 11)) == Window(2, 6, 5, 5)
