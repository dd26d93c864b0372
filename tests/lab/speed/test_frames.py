"""The benchmark of frames in miniature: what it makes can be read, and its change does not know of kills."""

import numpy as np
import pytest
import rasterio

from lab.speed import frames
from ml.coherence import compared
from ml.rasters.pieces import Folder


def test_a_small_frame_goes_through_change_whole_or_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(compared, "PIECE_PX", 256)
    frame = frames.Frame(500, 420, 3)
    frames.write_frame(tmp_path, frame)
    frames.change(tmp_path, tmp_path / "calm.tif", frame.past)
    put = Folder.put
    for last in ("scale", "patches"):
        with monkeypatch.context() as patched:

            def killed(self, name, arrays, last=last):
                if name.startswith(last):
                    raise KeyboardInterrupt
                put(self, name, arrays)

            patched.setattr(Folder, "put", killed)
            with pytest.raises(KeyboardInterrupt):
                frames.change(tmp_path, tmp_path / "killed.tif", frame.past)
    frames.change(tmp_path, tmp_path / "killed.tif", frame.past)
    assert (tmp_path / "calm.tif").read_bytes() == (tmp_path / "killed.tif").read_bytes()
    with rasterio.open(tmp_path / "calm.tif") as raster:
        bands = dict(zip(raster.descriptions, raster.read(), strict=True))
        assert raster.shape == (frame.rows, frame.cols)
    assert np.nanmedian(bands["change_sigma"][30:170, 20:80]) < -4
    assert np.isfinite(bands["confidence"]).mean() > 0.005
    with rasterio.open(tmp_path / "reference.tif") as raster:
        assert (raster.dtypes[0], len(raster.gcps[0])) == ("uint16", 100)


def test_an_interrupted_benchmark_goes_on_where_it_was(tmp_path, monkeypatch):
    """Each kill counts once, and comes after its part of a whole run."""
    killed_after = []

    def process(task, folder, frame, out, after_s):
        if len(killed_after) == 2:
            monkeypatch.setattr(frames, "_process", goes_on)
            raise KeyboardInterrupt
        return goes_on(task, folder, frame, out, after_s)

    def goes_on(task, folder, frame, out, after_s):
        killed_after.append(after_s)
        return frames.Ended(1.0, 1.0, 1.0, "" if after_s else "a", 0, 0.0)

    monkeypatch.setattr(frames, "_process", process)
    moments = frames._moments(3, 100.0)
    assert len(moments) == 3
    assert min(moments) >= 0
    assert sum(moments) <= 100
    for _ in range(2):
        try:
            ended = frames._ended("offsets", tmp_path, frames.Frame(1, 1, 1), moments)
        except KeyboardInterrupt:
            assert killed_after == moments[:2]
    assert killed_after == [*moments, None]
    assert [one.sha256 for one in ended] == ["", "", "", "a"]
    assert frames._ended("offsets", tmp_path, frames.Frame(1, 1, 1), moments) == ended
