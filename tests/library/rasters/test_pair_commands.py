"""python -m ml coherence | offsets | simulate pair: the contract of the command line."""

import numpy as np
import pytest
import rasterio

from ground_motion.cli.program import main
from ground_motion.methods.coherence import MIX
from ground_motion.rasters.pieces import Folder
from ground_motion.runtime.methods import methods
from tests.makers.geotiff import write


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    assert main(["simulate", "pair", "--seed", "7", "--out", str(folder)]) == 0
    return folder


def run(task: str, folder, *options: str) -> int:
    out = folder / f"{task}.tif"
    return main([task, str(folder / "reference.tif"), str(folder / "secondary.tif"), "--out", str(out), *options])


@pytest.mark.parametrize("method", methods("coherence"))
def test_coherence_writes_its_bands_with_everything_to_trace_them(pair, method, capsys):
    assert run("coherence", pair, "--method", method) == 0
    assert method in capsys.readouterr().out
    with rasterio.open(pair / "coherence.tif") as raster, rasterio.open(pair / "truth.tif") as truth:
        assert raster.descriptions[:2] == ("coherence", "coherence_sigma")
        assert {*raster.dtypes, *(raster.tags(band)["units"] for band in raster.indexes)} == {"float32", "1"}
        assert (raster.shape, raster.crs, raster.transform) == (truth.shape, truth.crs, truth.transform)
        tags = raster.tags()
        assert tags["model_version"] == f"{method} {methods('coherence')[method].version}"
        assert len(tags["input_sha256"]) == 64
        bands, gamma = raster.read(1), truth.read(3)
        still = (truth.read(1) == 0) & (gamma > 0.6)
        assert np.median(np.abs(bands - gamma)[still]) < (0.2 if method == MIX else 0.12)


@pytest.mark.parametrize("window", ["5x5", "3x11"])
def test_the_network_gives_the_coherence_of_the_window_and_that_of_the_scatterers(pair, window):
    assert run("coherence", pair, *(["--window", window] if window != "5x5" else [])) == 0
    with rasterio.open(pair / "coherence.tif") as raster:
        assert raster.tags()["window_px"] == window
        assert raster.descriptions[2:] == ("scatterers_coherence", "scatterers_coherence_sigma")


@pytest.mark.parametrize("method", ["multi-kernel", "ncc", "whitened"])
def test_offsets_writes_its_five_bands_on_the_grid_of_the_posting(pair, method):
    assert run("offsets", pair, "--method", method, "--posting", "16") == 0
    with rasterio.open(pair / "offsets.tif") as raster, rasterio.open(pair / "reference.tif") as reference:
        assert raster.descriptions == ("dx_px", "dy_px", "sigma_dx_px", "sigma_dy_px", "quality")
        assert raster.transform.a == 16 * reference.transform.a
        assert (raster.transform.c, raster.transform.f) == (reference.transform.c, reference.transform.f)
        assert raster.shape == tuple(size // 16 for size in reference.shape)
        assert [raster.tags(band)["units"] for band in range(1, 6)] == ["px", "px", "px", "px", "1"]
        assert np.nanmedian(np.abs(raster.read(1))) < 0.2


def test_decibels_and_amplitudes_give_what_power_gives(pair, tmp_path):
    run("coherence", pair)
    with rasterio.open(pair / "coherence.tif") as raster:
        expected = raster.read(1)
    scaled = {"db": lambda power: 10 * np.log10(power), "amplitude": np.sqrt}
    for scale, convert in scaled.items():
        folder = tmp_path / scale
        folder.mkdir()
        for name in ("reference.tif", "secondary.tif"):
            with rasterio.open(pair / name) as raster:
                profile, power = raster.profile, raster.read(1)
            with rasterio.open(folder / name, "w", **profile) as raster:
                raster.write(convert(power).astype(np.float32), 1)
        assert run("coherence", folder, "--scale", scale) == 0
        with rasterio.open(folder / "coherence.tif") as raster:
            np.testing.assert_allclose(raster.read(1), expected, atol=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["coherence", "{a}", "{missing}", "--out", "{out}"], "there is no such file"),
        (["coherence", "{a}", "{other}", "--out", "{out}"], "is not that of the reference"),
        (["offsets", "{db}", "{db}", "--out", "{out}"], "Add --scale db"),
        (["offsets", "{text}", "{a}", "--out", "{out}"], "cannot be read as GeoTIFF"),
        (["offsets", "{a}", "{a}", "--out", "{nowhere}"], "its folder does not exist"),
        (["offsets", "{a}", "{a}", "--out", "o.png"], "it is written as GeoTIFF"),
        (["offsets", "{a}", "{a}", "--out", "{out}", "--posting", "0"], "--posting 0 is not between"),
        *(
            (["coherence", "{a}", "{a}", "--out", "{out}", "--window", window], f"'{window}' is no window: give")
            for window in ("8", "4x4", "3x33", "1x1")
        ),
        (["coherence", "{a}", "{a}", "--out", "{out}", "--looks", "0"], "is no number of looks"),
        (["coherence", "{empty}", "{a}", "--out", "{out}"], "no pixel has a value"),
    ],
)
def test_what_cannot_be_used_ends_with_2_and_one_line(tmp_path, capsys, arguments, message):
    rng = np.random.default_rng(1)
    made = {
        "a": rng.gamma(4, 0.1, (40, 40)),
        "other": rng.gamma(4, 0.1, (30, 40)),
        "db": rng.normal(-12, 2, (40, 40)),
        "empty": np.full((40, 40), np.nan),
    }
    names = {name: tmp_path / f"{name}.tif" for name in (*made, "missing", "out", "text")}
    names["nowhere"] = tmp_path / "no" / "folder.tif"
    for name, values in made.items():
        write(names[name], values.astype(np.float32), "EPSG:32611", rasterio.Affine(10, 0, 0, 0, -10, 0))
    names["text"].write_text("not a raster")
    assert main([part.format(**names) for part in arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert not names["out"].exists()


def test_grids_that_differ_by_a_few_pixels_are_read_where_both_show_the_ground(pair, tmp_path):
    with rasterio.open(pair / "secondary.tif") as raster:
        profile, power = raster.profile, raster.read(1)
    place = profile["transform"] @ rasterio.Affine.translation(5.2, -3)  # whole pixels, and a part of one
    wide = np.pad(power, ((3, 0), (0, 0)), mode="edge")[:, 5:]
    profile |= {"transform": place, "height": wide.shape[0], "width": wide.shape[1]}
    with rasterio.open(tmp_path / "secondary.tif", "w", **profile) as raster:
        raster.write(wide, 1)
    arguments = [str(pair / "reference.tif"), str(tmp_path / "secondary.tif"), "--out"]
    flags = ["--method", "guarnieri-prati", "--looks", "4.7"]
    assert main(["coherence", *arguments, str(tmp_path / "c.tif"), *flags]) == 0
    both = [str(pair / f"{name}.tif") for name in ("reference", "secondary")]
    assert main(["coherence", *both, "--out", str(tmp_path / "whole.tif"), *flags]) == 0
    with rasterio.open(tmp_path / "c.tif") as cut, rasterio.open(tmp_path / "whole.tif") as whole:
        assert cut.shape == (whole.shape[0], whole.shape[1] - 5)
        assert cut.transform == whole.transform @ rasterio.Affine.translation(5, 0)
        np.testing.assert_allclose(cut.read(1)[40:-40, 40:-40], whole.read(1)[40:-40, 45:-40], atol=5e-3)
    assert main(["offsets", *arguments[:2], "--out", str(tmp_path / "o.tif")]) == 2  # offsets want one grid


def test_rasters_without_a_place_are_plain_pixel_grids(tmp_path, recwarn):
    rng = np.random.default_rng(1)
    for name in ("reference.tif", "secondary.tif"):
        with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
            write(tmp_path / name, rng.gamma(4, 0.1, (40, 40)).astype(np.float32), None, None)
    assert run("offsets", tmp_path) == 0
    with rasterio.open(tmp_path / "offsets.tif") as raster:
        assert raster.crs is None
        assert raster.transform.a == 8


@pytest.mark.parametrize("task", ["coherence", "offsets"])
def test_a_command_that_is_killed_makes_only_what_is_missing_and_writes_the_same(task, pair, tmp_path, monkeypatch):
    """Killed after each of its first pieces in turn; nothing is left beside the result."""
    paths = [str(pair / "reference.tif"), str(pair / "secondary.tif")]
    assert main([task, *paths, "--out", str(tmp_path / "calm.tif")]) == 0
    put, made = Folder.put, []

    def killed(self, name, arrays):
        put(self, name, arrays)
        made.append(name)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "put", killed)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                main([task, *paths, "--out", str(tmp_path / "killed.tif")])
    assert len(set(made)) == 2
    assert main([task, *paths, "--out", str(tmp_path / "killed.tif")]) == 0
    with rasterio.open(tmp_path / "calm.tif") as calm, rasterio.open(tmp_path / "killed.tif") as killed_often:
        np.testing.assert_array_equal(calm.read(), killed_often.read())
        assert calm.tags() == killed_often.tags()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calm.tif", "killed.tif"]
