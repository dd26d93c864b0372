"""What is written: the real release's columns, the mark of a simulation, the same bytes for the same seed."""

import argparse
import hashlib
import io
import json
import xml.etree.ElementTree as ET
import zipfile

import numpy as np
import pyarrow.csv
import pytest
import rasterio
from shapely.geometry import Point, shape

from ground_motion.simulation.files.context import write_heights
from lab import simulate_command
from lab.simulation import region_files as region_files
from lab.simulation.region_files import write_region

REAL_RELEASE = (
    "pid,mp_type,latitude,longitude,easting,northing,height_ortho,height_ellipse,line,pixel,rmse_ts,"
    "temporal_coherence,amplitude_dispersion,incidence_angle,track_angle,los_east,los_north,los_up,mean_velocity,"
    "mean_velocity_std,acceleration,acceleration_std,seasonality,seasonality_std,gnss_velocity"
)
N_COLUMNS = REAL_RELEASE.count(",") + 1
ZIP_901 = "EGMS_L2b_901_0001_IW2_VV_2019_2023_1"
ZIP_902 = "EGMS_L2b_902_0001_IW2_VV_2019_2023_1"


@pytest.fixture(scope="module")
def folder(region, tmp_path_factory):
    folder = tmp_path_factory.mktemp("region")
    write_region(region, folder)
    return folder


@pytest.fixture(scope="module")
def table(folder):
    text = pyarrow.csv.ConvertOptions(column_types={"pid": "string"})
    return pyarrow.csv.read_csv(folder / "points.csv", convert_options=text)


def _hashes(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_folder_holds_the_promised_files_and_nothing_half_done(folder):
    promised = {"points.csv", "truth.geojson", "dem.tif", f"{ZIP_901}.zip", f"{ZIP_902}.zip"}
    assert {path.name for path in folder.iterdir()} == promised


def test_the_columns_are_those_of_the_2020_2024_release(table, region):
    dates = [f"{date:%Y%m%d}" for date in region.tracks[0].dates]
    assert table.column_names == [*REAL_RELEASE.split(","), *dates]


@pytest.mark.realdata
def test_the_columns_are_those_of_a_real_file(table, real_data):
    real = sorted(real_data.glob("**/EGMS_L2b_*_2020_2024_*.zip"))
    if not real:
        pytest.skip("no EGMS L2b zip of the 2020–2024 release in GROUND_MOTION_DATA")
    with zipfile.ZipFile(real[0]) as archive, archive.open(f"{real[0].stem}.csv") as lines:
        columns = lines.readline().decode().strip().split(",")
    assert columns[:N_COLUMNS] == table.column_names[:N_COLUMNS]
    assert all(len(name) == 8 and name.isdigit() for name in columns[N_COLUMNS:])


def test_what_is_written_is_what_was_simulated(table, region):
    velocity = np.concatenate([track.fit.velocity_mm_yr for track in region.tracks])
    assert table["mean_velocity"].to_numpy() == pytest.approx(velocity, abs=0.0501)
    last = f"{region.tracks[0].dates[-1]:%Y%m%d}"
    displacement = np.concatenate([track.series_mm[:, -1] for track in region.tracks])
    assert table[last].to_numpy() == pytest.approx(displacement, abs=1e-4)
    longitude = np.concatenate([track.longitude_deg for track in region.tracks])
    assert table["longitude"].to_numpy() == pytest.approx(longitude, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "number", "direction"), [(ZIP_901, "901", "ascending"), (ZIP_902, "902", "descending")]
)
def test_a_zip_holds_csv_and_header_and_states_that_it_is_simulated(folder, region, name, number, direction):
    with zipfile.ZipFile(folder / f"{name}.zip") as archive:
        assert archive.namelist() == [f"{name}.xml", f"{name}.csv"]
        header = ET.fromstring(archive.read(f"{name}.xml"))
        table = pyarrow.csv.read_csv(io.BytesIO(archive.read(f"{name}.csv")))
    track = next(track for track in region.tracks if track.geometry.direction == direction)
    assert header.tag == "BURST"
    assert header.findtext("simulated") == "true"
    assert header.findtext("production_facility") == "simulation"
    assert header.findtext("track") == number
    assert table.num_rows == len(track)


def test_truth_is_in_longitude_and_latitude_around_its_centre(folder, region):
    truth = json.loads((folder / "truth.geojson").read_text())
    assert truth["simulated"] is True
    assert [feature["properties"]["class"] for feature in truth["features"]] == [area.kind for area in region.truths]
    for feature, area in zip(truth["features"], region.truths, strict=True):
        polygon = shape(feature["geometry"])
        assert polygon.is_valid
        assert polygon.exterior.is_ccw
        assert polygon.contains(Point(area.polygon.centroid))
        assert polygon.bounds[0] == pytest.approx(-12, abs=0.2)
        assert polygon.bounds[1] == pytest.approx(47, abs=0.2)
        assert feature["properties"]["rate_mm_yr"] == pytest.approx(area.rate_mm_yr, abs=0.01)


def test_the_elevation_model_is_in_metres_on_the_grid_of_the_points(folder, region):
    with rasterio.open(folder / "dem.tif") as raster:
        assert raster.crs.to_epsg() == 3035
        assert raster.dtypes == ("float32",)
        assert np.isnan(raster.nodata)
        track = region.tracks[0]
        place = np.column_stack([track.easting_m, track.northing_m])[:500]
        height_m = np.array([value[0] for value in raster.sample(place)])
    assert height_m == pytest.approx(track.height_m[:500], abs=10)  # the points carry 2 m of their own noise


def test_the_command_gives_the_same_bytes_for_the_same_seed_and_prints_what_is_in_them(folder, tmp_path, capsys):
    command = argparse.Namespace(what="velocity", seed=-3, out=tmp_path / "new" / "region")
    with pytest.raises(ValueError, match="seed -3"):
        simulate_command.run(command)
    assert not command.out.exists()
    command.seed = 7
    assert simulate_command.run(command) == 0
    assert _hashes(command.out) == _hashes(folder)
    printed = capsys.readouterr().out
    assert "track 901 (ascending)" in printed
    assert "landslide" in printed


def test_a_write_that_fails_leaves_the_old_files_and_no_others(folder, region_at_rest, monkeypatch):
    before = _hashes(folder)

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(region_files, "write_dem", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_region(region_at_rest, folder)
    assert _hashes(folder) == before


def test_a_file_in_place_of_the_folder_is_named_with_the_remedy(region_at_rest, tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("here")
    with pytest.raises(ValueError, match=r"taken is a file.*name another"):
        write_region(region_at_rest, taken)
    with pytest.raises(ValueError, match=r"cannot write to .*inside.*name a folder"):
        write_region(region_at_rest, taken / "inside")
    assert taken.read_text() == "here"


def test_heights_are_those_of_the_terrain(region, tmp_path):
    with rasterio.open(write_heights(region, tmp_path / "heights.tif")) as raster:
        np.testing.assert_array_equal(raster.read(1), region.terrain.height_m)
        assert raster.tags()["SIMULATED"] == "yes"
