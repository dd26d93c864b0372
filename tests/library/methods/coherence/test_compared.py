"""Change in pieces: what concerns the whole scene is exact, so nobody sees where it was cut or who was killed."""

from datetime import date, timedelta

import numpy as np
import pytest
import torch
from affine import Affine

from ground_motion.methods.coherence import compared as room
from ground_motion.methods.coherence.change import Stack
from ground_motion.methods.coherence.compared import Beside, Compared, compare
from ground_motion.rasters.imagery import PairSource
from ground_motion.rasters.pieces import Folder, Pieces
from ground_motion.rasters.windows import Window

ROWS, COLS, N = 150, 170, 6
DAYS = [date(2024, 1, 1) + timedelta(days=12 * number) for number in range(4)]
CPU = torch.device("cpu")


def part(values: np.ndarray, at: Window) -> np.ndarray:
    return values[..., at.row : at.row + at.rows, at.col : at.col + at.cols]


@pytest.fixture(scope="module")
def scene() -> Compared:
    """An event of many shapes between the second and the third image; its ground lies across every seam."""
    rng = np.random.default_rng(4)
    history = rng.normal(0.7, 0.05, (N, ROWS, COLS)).clip(0, 1).astype(np.float32)
    history[2] *= 0.9
    history[:, :3] = np.nan
    now, other = rng.normal(0.65, 0.05, (2, ROWS, COLS)).astype(np.float32)
    lost = np.zeros((ROWS, COLS), dtype=bool)
    lost[20:140, 60:70] = lost[60:70, 20:160] = True
    weak = np.full(
        (ROWS, COLS), 0.5, dtype=np.float32
    )  # what is lost is beyond the low threshold, in a corner the high
    weak[:, 62:66] = 1
    weak[:55] = 0.3
    now[lost] -= 0.5 * weak[lost]
    z = rng.normal(0, 1, (ROWS, COLS)).astype(np.float32)
    z[lost] -= 8 * weak[lost]
    power = rng.gamma(4, 0.25, (2, ROWS, COLS)).astype(np.float32)
    return Compared(
        Stack((ROWS, COLS), lambda at: (part(history, at), 0 * part(history, at) + 0.05), lambda at: part(now, at)),
        N,
        (DAYS[1], DAYS[2]),
        [Beside(DAYS[first], DAYS[2 + first], lambda at: (part(z, at), part(other, at))) for first in (0, 1)],
        lambda at: 0 * part(now, at) + 0.05,
        PairSource((ROWS, COLS), Affine.identity(), None, lambda at: part(power, at)),
    )


def bands_of(scene: Compared, pieces: Pieces) -> dict[str, np.ndarray]:
    return dict(compare(scene, Affine.identity(), 32632, CPU, pieces).bands)


def test_nobody_sees_where_a_frame_was_cut(scene, monkeypatch):
    whole = compare(scene, Affine.identity(), 32632, CPU, Pieces())
    monkeypatch.setattr(room, "PIECE_PX", 40)
    cut = compare(scene, Affine.identity(), 32632, CPU, Pieces())
    for name, values in whole.bands.items():
        np.testing.assert_array_equal(cut.bands[name], values, err_msg=name)
    assert cut.statistics == whole.statistics
    assert 0.01 < cut.statistics["confirmed_share"] < 0.2


def test_patches_hang_together_across_pieces(scene, monkeypatch):
    """What only the next piece is sure of is reported in this one as well."""
    monkeypatch.setattr(room, "PIECE_PX", 40)
    whole = bands_of(scene, Pieces())["confidence"]
    monkeypatch.setattr(
        room, "joined_patches", lambda parts: {name: np.zeros((0, 2), dtype=np.int64) for name in parts}
    )
    alone = bands_of(scene, Pieces())["confidence"]
    assert np.isfinite(whole).sum() > np.isfinite(alone).sum()


class Killed(BaseException):
    pass


def test_a_computation_that_is_killed_again_and_again_comes_out_the_same(scene, monkeypatch, tmp_path):
    monkeypatch.setattr(room, "PIECE_PX", 64)
    expected = bands_of(scene, Pieces(Folder(tmp_path / "calm", "a")))
    made = []
    for attempt in range(6):
        most = 11 + 7 * attempt if attempt < 5 else 10**6

        def between(attempt: int = attempt, most: int = most) -> None:
            made.append(attempt)
            if made.count(attempt) == most:
                raise Killed

        folder = Folder(tmp_path / "killed", "a")
        try:
            bands = bands_of(scene, Pieces(folder, between))
        except Killed:
            names = sorted(folder.names())
            (folder.path / names[attempt]).write_bytes(b"torn")  # and the disk lost a part of one as well
    for name, values in expected.items():
        np.testing.assert_array_equal(bands[name], values, err_msg=name)
    assert {made.count(attempt) for attempt in range(5)} == {11, 18, 25, 32, 39}


def test_what_nothing_needs_any_more_is_deleted_and_made_again_where_a_piece_is_damaged(scene, monkeypatch, tmp_path):
    monkeypatch.setattr(room, "PIECE_PX", 64)
    folder = Folder(tmp_path, "a")
    expected = bands_of(scene, Pieces(folder))
    left = {name.partition("@")[0] for name in folder.names()}
    assert "change" in left
    assert left.isdisjoint({"first", "scale", "ratio", "patches", "past-lost-upper"})
    made = []
    assert compare(scene, Affine.identity(), 32632, CPU, Pieces(folder, lambda: made.append(1))).statistics
    assert made == []
    (folder.path / "change@64-0").write_bytes(b"torn")
    again = bands_of(scene, Pieces(folder))
    for name, values in expected.items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)
