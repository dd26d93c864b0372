"""HyP3 InSAR products: the opposite signs of phase and displacement, one pair and networks, folders and zips."""

import numpy as np
import pytest

from ground_motion.readers.formats.registry import open_velocity_field, recognise
from ground_motion.readers.records import Component, Direction
from tests.makers import damage
from tests.makers import hyp3 as made_hyp3
from tests.makers import interferograms as ground
from tests.makers.damage import points
from tests.makers.geotiff import write

YEARS = ground.years(*ground.PAIRS[0])


@pytest.mark.parametrize("layers", [("los_disp",), ("unw_phase",), ("los_disp", "unw_phase", "vert_disp")])
@pytest.mark.parametrize("kind", ["folder", "folders", "zip"])
def test_one_pair_is_two_dates_and_its_displacement(tmp_path, layers, kind):
    loaded = points(made_hyp3.make(tmp_path, -20.0, layers=(*layers, "lv", "corr"), kind=kind))
    assert loaded.header.dates == ground.PAIRS[0]
    assert loaded.columns.displacement_mm[loaded.at["5_15"]] == pytest.approx([0, -20 * YEARS], abs=1e-3)
    assert loaded["5_15"] == pytest.approx(-20, abs=1e-3)
    assert (loaded.header.component, loaded.header.polarisation) == (Component.LOS, "VV")
    assert (loaded.header.grid_epsg, loaded.header.posting_m) == (32614, 80)
    assert np.isnan(loaded.columns.temporal_coherence).all()


def test_look_angles_become_a_vector_to_the_satellite(tmp_path):
    loaded = points(made_hyp3.make(tmp_path))
    assert loaded.columns.los_up == pytest.approx(0.79)
    assert loaded.columns.los_east == pytest.approx(-np.sqrt(1 - 0.79**2) * np.cos(np.radians(10)), abs=1e-5)
    assert loaded.columns.los_north == pytest.approx(np.sqrt(1 - 0.79**2) * np.sin(np.radians(10)), abs=1e-5)
    assert loaded.header.direction is Direction.ASCENDING
    assert points(made_hyp3.make(tmp_path / "a", layers=("los_disp",))).header.direction is Direction.UNKNOWN


@pytest.mark.parametrize("layers", [("los_disp", "corr", "lv"), ("unw_phase", "corr", "lv")])
def test_several_products_are_a_network_with_one_reference(tmp_path, layers):
    loaded = points(made_hyp3.make(tmp_path, -20.0, pairs=ground.PAIRS, layers=layers, kind="folders"))
    assert loaded.header.dates == ground.DATES
    assert loaded["5_2"] == pytest.approx(0, abs=0.01)
    assert loaded["5_15"] == pytest.approx(-20, abs=0.01)


def test_products_of_different_extent_are_cut_to_what_they_share(tmp_path):
    loaded = points(made_hyp3.make(tmp_path, -20.0, pairs=ground.PAIRS, layers=("los_disp", "corr"), shift=3))
    assert loaded["5_15"] == pytest.approx(-20, abs=0.01)
    assert loaded.columns.pid.size == (ground.ROWS - 1) * ground.COLS


def test_it_is_recognised_whatever_the_folder_is_called_and_from_one_image(tmp_path):
    path = made_hyp3.make(tmp_path, -20.0)
    (image,) = path.glob("*los_disp.tif")
    assert recognise(image) == "hyp3"
    assert points(image)["5_15"] == pytest.approx(-20, abs=1e-3)
    assert recognise(path.rename(tmp_path / "20200101_20200701")) == "hyp3"
    other = tmp_path / "other"
    write(other / "velocity_los_disp.tif", ground.coherence())
    assert "this folder is" in damage.outcome(other)


def test_files_of_a_folder_are_named_and_those_of_a_zip_are_the_zip(tmp_path):
    named = {path.name.rpartition("_B4A1_")[2] for path in open_velocity_field(made_hyp3.make(tmp_path)).files}
    assert named == {"los_disp.tif", "corr.tif", "lv_theta.tif", "lv_phi.tif"}
    assert open_velocity_field(made_hyp3.make(tmp_path, kind="zip")).files == ()


@pytest.mark.parametrize("kind", ["folder", "folders", "zip"])
@pytest.mark.parametrize(("called", "track"), [(made_hyp3.burst, None), (made_hyp3.several_bursts, 64)])
def test_bursts_are_read_as_scenes_are(tmp_path, called, track, kind):
    pairs = ground.PAIRS[:1] if kind == "zip" else ground.PAIRS
    layers = ("unw_phase", "corr", "lv")
    header, at, columns = points(made_hyp3.make(tmp_path, pairs=pairs, layers=layers, kind=kind, called=called))
    assert header.dates == (ground.PAIRS[0] if kind == "zip" else ground.DATES)
    assert columns.velocity_mm_yr[at["5_15"]] == pytest.approx(-20, abs=0.01)
    assert (header.track, header.direction, header.polarisation) == (track, Direction.ASCENDING, "VV")
    assert header.extras["burst"] == called(*ground.PAIRS[0]).split("_20")[0]


def test_different_bursts_are_not_one_network(tmp_path):
    made_hyp3.make(tmp_path, pairs=ground.PAIRS[:2], called=made_hyp3.burst)
    path = made_hyp3.make(tmp_path, pairs=ground.PAIRS[2:], called=made_hyp3.several_bursts)
    assert "its products are of S1_064_000000s1n00" in damage.outcome(path)


NAME = f"{made_hyp3.product(*ground.PAIRS[0])}_los_disp.tif"
VRT = "<VRTDataset rasterXSize='2' rasterYSize='2'></VRTDataset>"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({NAME: bytes(10**7)}, "it is called a GeoTIFF"),
        ({f"a/{NAME}": b"II*\0", f"b/{NAME}": b"II*\0"}, "it holds 2 products: a, b"),
        ({f"../{NAME}": VRT}, "it names a file outside itself"),
    ],
)
def test_a_zip_that_is_no_product_is_refused(tmp_path, members, message):
    path = damage.zip_of(tmp_path / "hyp3.zip", members)
    assert message in damage.outcome(path)
    assert not list(tmp_path.parent.glob("*.tif"))


def test_products_without_a_common_layer_and_impossible_dates_are_refused(tmp_path):
    made_hyp3.make(tmp_path, layers=("los_disp",))
    path = made_hyp3.make(tmp_path, pairs=ground.PAIRS[1:2], layers=("vert_disp",))
    assert "no layer in common" in damage.outcome(path)
    for image in path.glob("*los_disp*"):
        image.rename(image.with_name(image.name.replace("20200101", "20200199").replace("los", "vert")))
    assert "invalid date" in damage.outcome(path)
