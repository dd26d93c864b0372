"""Pieces: there wholly or not at all, made once, and quantiles of all of them exact."""

import numpy as np
import pytest

from ml.rasters.pieces import Folder, Memory, PieceBands, Pieces
from ml.rasters.windows import Window, cut, grown, inner
from ml.statistics.quantiles import quantile


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
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


def test_a_damaged_piece_is_made_again(tmp_path):
    store = Folder(tmp_path / "pieces", "a")
    Pieces(store).each("first", {"x": 1}, lambda _: {"a": np.arange(5)})
    path = store.path / "first@x"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(KeyError):
        store.get("first@x")
    Pieces(store).each("first", {"x": 1}, lambda _: {"a": np.arange(6)})
    assert len(store.get("first@x")["a"]) == 6


def test_pieces_of_other_code_or_weights_are_not_taken(tmp_path):
    Folder(tmp_path / "pieces", "a").put("x", {"a": np.arange(5)})
    assert not Folder(tmp_path / "pieces", "b").names()
    assert not Folder(tmp_path / "pieces", "a").names()


@pytest.mark.parametrize("share", [0.5, 0.16, 0.0, 1.0])
@pytest.mark.parametrize("n", [1, 2, 7, 1000, 30_001])
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
