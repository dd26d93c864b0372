"""Pieces: there wholly or not at all, made once, and quantiles of all of them exact."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ground_motion.rasters.pieces import Folder, Memory, PieceBands, Pieces, pack
from ground_motion.rasters.windows import Window, cut, grown, inner
from ground_motion.runtime.ahead import Feed
from ground_motion.statistics.quantiles import quantile
from ml.runs.pieces import Objects


@pytest.fixture(params=["folder", "memory", "objects"])
def store(request, tmp_path):
    if request.param == "objects":
        return Objects(request.getfixturevalue("object_storages")()["pieces"], "7/a")
    return Folder(tmp_path / "pieces", "a") if request.param == "folder" else Memory()


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


def test_pieces_of_other_code_or_weights_are_deleted(tmp_path):
    Folder(tmp_path / "pieces", "a").put("x", {"a": np.arange(5)})
    assert Folder(tmp_path / "pieces", "a").names() == {"x"}
    assert not Folder(tmp_path / "pieces", "b").names()
    assert not Folder(tmp_path / "pieces", "a").names()


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
