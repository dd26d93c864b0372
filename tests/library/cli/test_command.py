"""python -m ml: the contract that people script against; inspect loads nothing and guesses nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import shape

from ground_motion.cli.method_help import SENTENCES
from ground_motion.cli.program import COMMANDS, main
from ground_motion.core.files import file_sha256
from ground_motion.core.projections import transformer
from ground_motion.rasters.areas import KINDS
from ground_motion.readers.formats.inspection import inspect
from ground_motion.runtime.checkpoints import WEIGHTS
from ground_motion.runtime.methods import methods
from tests.makers import geotiff, licsbas, rtc, stations


@pytest.fixture(scope="module")
def region(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("region")
    assert main(["simulate", "velocity", "--seed", "7", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def by_network(region, tmp_path_factory) -> tuple[Path, Path]:
    """Raster and outlines of that region by the default method, the network."""
    folder = tmp_path_factory.mktemp("network")
    raster, outlines = folder / "p.tif", folder / "a.geojson"
    assert main(["deformation", str(region / "points.csv"), "--out", str(raster), "--areas", str(outlines)]) == 0
    return raster, outlines


def test_linear_algebra_runs_in_one_thread_a_call():
    """It is set before numpy is loaded; else two threads that solve small matrices wait for four of OpenBLAS."""
    code = "import ground_motion, os, sys; print(os.environ['OPENBLAS_NUM_THREADS'], 'numpy' in sys.modules)"
    around = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    shown = subprocess.run([sys.executable, "-c", code], env=around, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["1", "False"]


HELP = """
import sys
from ground_motion.cli.program import COMMANDS, main
try:
    main(sys.argv[1:])
finally:
    assert "torch" not in sys.modules
    print(*(name for name in sys.modules if name.startswith(("ground_motion.", "lab."))))
"""


@pytest.mark.parametrize("command", ["", "deformation", "coherence", "offsets"])
def test_help_imports_no_torch_and_no_other_command(command):
    arguments = [sys.executable, "-c", HELP, *command.split(), "--help"]
    shown = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.splitlines()
    commands = {entry.module for entry in COMMANDS.values()} & set(shown[-1].split())
    assert commands == ({COMMANDS[command].module} if command else set())
    told = [row.split(maxsplit=1) for row in shown[shown.index("methods:") + 1 : -1]] if command else []
    assert told == [[name, SENTENCES[command][name]] for name in methods(command)]


@pytest.mark.parametrize("command", ["simulate", "train", "evaluate"])
def test_without_the_laboratory_its_commands_say_so_in_one_line(command, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "lab", None)
    for name in [name for name in sys.modules if name.startswith("lab.")]:
        monkeypatch.delitem(sys.modules, name)
    assert main([command, "--help"]) == 2
    assert capsys.readouterr().err == (
        f"'{command}' belongs to the laboratory, which is not installed: run it in a checkout of the repository.\n"
    )


@pytest.mark.parametrize("method", ["matched-filter", "model"])
def test_every_simulated_motion_is_found_and_nothing_else(region, by_network, tmp_path, method):
    """Also the slide of 17 hectares, which two tracks see very differently."""
    outlines = by_network[1] if method == "model" else tmp_path / "a.geojson"
    if method != "model":
        arguments = ["--out", str(tmp_path / "p.tif"), "--areas", str(outlines), "--method", method]
        assert main(["deformation", str(region / "points.csv"), *arguments]) == 0
    areas, truths = (json.loads(path.read_text())["features"] for path in (outlines, region / "truth.geojson"))
    middles = [shape(truth["geometry"]).centroid.buffer(0.002) for truth in truths]
    overlaps = np.array([[shape(area["geometry"]).intersects(middle) for middle in middles] for area in areas])
    assert overlaps.any(axis=0).all()
    assert overlaps.any(axis=1).all()
    for area in areas:
        assert set(area["properties"]) >= {"class", "score", "rate_mm_yr", "area_m2", "n_points"}
        assert area["properties"]["n_points"] > 5


def test_bowls_in_a_city_that_sinks_as_a_whole_are_places_of_one_area(tmp_path):
    """Cells of 450 m, all at -10 mm/yr, two bowls that reach -50 and -40."""
    row, col = np.mgrid[:50, :70].astype(float)
    rate = -10 - 40 * np.exp(-((row - 15) ** 2 + (col - 20) ** 2) / 49)
    rate -= 30 * np.exp(-((row - 34) ** 2 + (col - 50) ** 2) / 36)
    rate += np.random.default_rng(0).normal(0, 0.8, rate.shape)
    x, y = transformer(32632, 4326).transform(500_000 + 450 * col, 5_500_000 - 450 * row)
    table = np.stack([x, y, rate], axis=-1).reshape(-1, 3)
    cells, outlines = tmp_path / "cells.csv", tmp_path / "a.geojson"
    np.savetxt(cells, table, "%.7f,%.7f,%.2f", header="longitude,latitude,velocity_mm_yr", comments="")
    arguments = ["--positive", "up", "--out", str(tmp_path / "p.tif"), "--areas", str(outlines)]
    assert main(["deformation", str(cells), "--unit", "mm/yr", "--method", "matched-filter", *arguments]) == 0
    features = [feature["properties"] for feature in json.loads(outlines.read_text())["features"]]
    (whole,) = (feature for feature in features if feature["extent"] == "local")
    places = [feature for feature in features if feature["extent"] == "place"]
    assert [feature["region"] for feature in places] == [whole["region"]] * 2
    assert sorted(feature["peak_rate_mm_yr"] for feature in places) == pytest.approx([-50, -40], rel=0.15)
    assert all(feature["area_m2"] < whole["area_m2"] / 5 for feature in places)


def velocity_raster(path: Path) -> Path:
    values = np.random.default_rng(1).normal(0, 0.001, (60, 60)).astype(np.float32)
    row, col = np.mgrid[:60, :60] - 29.5
    values += 0.02 * np.exp(-(((row**2 + col**2) / 10**2) ** 2)).astype(np.float32)  # 20 mm/yr, soft edges
    return geotiff.write(path, values, "EPSG:32614", rasterio.Affine(100, 0, 480_000, 0, -100, 2_150_000))


SINKING = {"mining_subsidence", "groundwater_subsidence"}


@pytest.mark.parametrize(("positive", "kinds"), [("toward", {"uplift"}), ("away", SINKING)])
def test_a_velocity_raster_is_read_with_its_declared_unit_and_sign(tmp_path, positive, kinds):
    source, outlines = velocity_raster(tmp_path / "v.tif"), tmp_path / "a.geojson"
    arguments = ["--unit", "m/yr", "--positive", positive, "--out", str(tmp_path / "p.tif"), "--areas", str(outlines)]
    assert main(["deformation", str(source), *arguments]) == 0
    (area,) = json.loads(outlines.read_text())["features"]
    assert area["properties"]["class"] in kinds
    assert np.sign(area["properties"]["peak_rate_mm_yr"]) == (1 if positive == "toward" else -1)
    assert abs(area["properties"]["peak_rate_mm_yr"]) == pytest.approx(20, rel=0.1)
    low, peak, high = (abs(area["properties"][f"peak_{name}_mm_yr"]) for name in ("low", "rate", "high"))
    assert low < peak < high
    (place,) = area["properties"]["places"]
    assert {place[name]["type"] for name in ("motion", "half", "core")} == {"MultiPolygon"}
    assert 0 < area["properties"]["core_area_m2"] <= area["properties"]["half_area_m2"] <= area["properties"]["area_m2"]
    assert sum(area["properties"]["core_class_shares"].values()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "unit and sign of its values are not declared"),
        (["--out", "/no/such/folder/p.tif"], "its folder does not exist"),
        (["--out", "/tmp/areas.geojson"], "it is written as GeoTIFF, and its name does not say so. Give a name that"),
        (["--areas", "/tmp/a.tif"], "it is written as GeoJSON"),
        (["--quicklook", "/tmp/a.jpg"], "it is written as PNG"),
    ],
)
def test_unit_and_sign_of_a_raster_are_required_never_guessed_and_its_folder_is_named(
    tmp_path, capsys, arguments, message
):
    source = velocity_raster(tmp_path / "v.tif")
    assert main(["deformation", str(source), "--out", str(tmp_path / "p.tif"), *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["missing.csv", "empty.csv", "cut.zip"])
def test_bad_input_is_one_line_and_exit_code_2_and_writes_nothing(tmp_path, capsys, name):
    path = tmp_path / name
    if name != "missing.csv":
        path.write_bytes(b"" if name == "empty.csv" else b"PK\x03\x04")
    assert main(["deformation", str(path), "--out", str(tmp_path / "p.tif")]) == 2
    error = capsys.readouterr().err
    assert str(path) in error
    assert error.count("\n") == 1
    assert not (tmp_path / "p.tif").exists()


def test_two_files_of_one_region_are_searched_together_track_by_track(region, by_network, tmp_path):
    """The table of both tracks, cut into one file for each, gives what the whole gives."""
    header, *rows = (region / "points.csv").read_text().splitlines()
    los_east = header.split(",").index("los_east")
    files = []
    for name, west in (("asc.csv", True), ("desc.csv", False)):
        kept = [row for row in rows if (float(row.split(",")[los_east]) < 0) == west]
        files.append(tmp_path / name)
        files[-1].write_text("\n".join([header, *kept]) + "\n")
    parts, areas = tmp_path / "parts.tif", tmp_path / "a.geojson"
    assert main(["deformation", *map(str, files), "--out", str(parts), "--areas", str(areas)]) == 0
    with rasterio.open(by_network[0]) as one, rasterio.open(parts) as other:
        np.testing.assert_array_equal(one.read(), other.read())
        assert other.tags()["input_name"] == "asc.csv, desc.csv"
    features = [area["properties"] for area in json.loads(areas.read_text())["features"]]
    drawn = [properties for properties in features if properties["extent"] == "local"]  # else places within these
    assert drawn
    for properties in drawn:
        reasons = properties["reasons"]
        assert {reason["track"] for reason in reasons} == {"ascending", "descending"}
        assert all(reason["beyond"] > 0.3 for reason in reasons)  # the edge of a small one is drawn too wide


def test_the_raster_names_its_bands_their_units_its_input_and_its_weights(by_network):
    with rasterio.open(by_network[0]) as opened:
        assert opened.descriptions == ("probability", *KINDS, "rate_mm_yr", "smallest_rate_mm_yr")
        assert [opened.tags(band)["units"] for band in range(1, 8)] == ["1"] * 6 + ["mm/yr"]
        assert (opened.crs.to_epsg(), opened.dtypes[0], len(opened.tags()["input_sha256"])) == (3035, "float32", 64)
        assert opened.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert np.isnan(opened.nodata)
        assert opened.tags()["weights_sha256"] == file_sha256(WEIGHTS / "deformation.safetensors")


def test_products_that_measure_different_things_are_not_mixed(tmp_path, region, make_egms, capsys):
    up = make_egms(name="EGMS_L3_E46N17_100km_U_2020_2024_1.zip", n=30)
    command = ["deformation", str(region / "points.csv"), str(up), "--out", str(tmp_path / "p.tif")]
    assert main(command) == 2
    assert "it measures up, points.csv measures los" in capsys.readouterr().err


UNIT, SIGN, PERIOD = ["--unit", "m/yr"], ["--positive", "away"], ["--period", "2019-01-01/2023-12-31"]


def facts(part: dict) -> dict:
    return {name: (value, reason) for name, value, reason in part["facts"]}


def told_by(capsys, *arguments: str) -> list[dict]:
    capsys.readouterr()
    main(["inspect", "--json", *arguments])
    return json.loads(capsys.readouterr().out)


def test_what_the_product_defines_is_told_as_its_definition(tmp_path, capsys):
    (told,) = told_by(capsys, str(licsbas.make(tmp_path, velocity_mm_yr=-20.0)))
    assert (told["format"], told["kind"], told["missing"], told["refused"]) == ("licsbas", "velocities", [], "")
    assert told["reason"].startswith("its datasets ")
    (part,) = told["parts"]
    assert (part["points"], part["dates"], part["component"]) == (20, 3, "los")
    assert facts(part)["unit"] == ("mm/yr", "by the definition of the product, converted here")
    assert part["values"] == pytest.approx([-20.0] * 5)
    assert np.sum(part["map"]) == np.sum(part["histogram"]["counts"]) == 20


def test_a_sign_or_unit_that_nobody_states_is_asked_for_and_the_numbers_are_those_of_the_file(tmp_path, capsys):
    path = geotiff.make(tmp_path, value=-0.02)
    (told,) = told_by(capsys, str(path))
    assert told["missing"] == ["unit", "positive", "period"]
    (part,) = told["parts"]
    assert part["values"] == pytest.approx([-0.02] * 5)
    assert (part["values_in"], part["component"], part["facts"]) == ("", "", [])
    assert main(["inspect", str(path)]) == 2
    said = capsys.readouterr().out
    assert "missing   Add what holds, as in --unit mm/yr --positive toward --period" in said
    assert "the file's own numbers" in said


def test_what_is_declared_is_told_as_declared(tmp_path, capsys):
    path = geotiff.make(tmp_path, value=-0.02)
    (told,) = told_by(capsys, str(path), *UNIT, *SIGN, *PERIOD)
    (part,) = told["parts"]
    assert told["missing"] == []
    assert part["values"] == pytest.approx([20.0] * 5)
    assert facts(part) == {
        "unit": ("m/yr", "declared"),
        "positive": ("away", "declared"),
        "period": ("2019-01-01 to 2023-12-31", "declared"),
    }
    assert main(["inspect", str(path), *UNIT, *SIGN, *PERIOD]) == 0


def test_what_the_gate_changed_is_told(tmp_path):
    values = np.random.default_rng(1).normal(-5, 3, (40, 40)).astype(np.float32)
    values[::2] = -9999
    told = inspect(geotiff.write(tmp_path / "a.tif", values))
    assert told["parts"][0]["points"] == 800
    assert told["parts"][0]["changes"] == ["800 rows hold -9999, which was taken for a missing value."]


def test_points_on_both_sides_of_180_have_a_narrow_extent(tmp_path):
    grid = Affine(0.001, 0, 179.995, 0, -0.001, -16.8)
    told = inspect(geotiff.write(tmp_path / "a.tif", np.random.default_rng(1).random((10, 10)), transform=grid))
    west, _, east, _ = told["parts"][0]["extent"]
    assert (west, east) == pytest.approx((179.9955, 180.0045))


def test_a_refusal_is_part_of_the_answer_and_the_exit_code_is_2(tmp_path, capsys):
    path = tmp_path / "a.7z"
    path.write_bytes(b"7z\xbc\xaf")
    assert main(["inspect", str(path)]) == 2
    assert "refused   this is a 7z archive. Unpack it" in capsys.readouterr().out


def test_a_folder_without_data_is_refused_beside_others_that_are_told(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    file = licsbas.make(tmp_path)
    empty, told = told_by(capsys, str(tmp_path / "empty"), str(file))
    assert empty["refused"] == "this folder is empty. Give files."
    assert told["format"] == "licsbas"


def test_names_that_a_terminal_cannot_show_and_readers_that_have_enough_are_no_faults(tmp_path):
    for name in ("two\nlines.h5", os.fsdecode(b"bad\xff.h5")):
        licsbas.make(tmp_path).rename(tmp_path / name)
    command = f"{sys.executable} -m ml inspect {tmp_path}"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    said = subprocess.run(f"{command} | cat", shell=True, env=environment, capture_output=True, text=True, check=True)
    assert f"{tmp_path}/bad?.h5: not recognised" in said.stdout
    assert f"{tmp_path}/two?lines.h5: LiCSBAS" in said.stdout
    said = subprocess.run(f"{command} | true", shell=True, capture_output=True, text=True, check=True)
    assert said.stderr == ""


def test_images_and_stations_are_told_too(tmp_path, capsys):
    image = rtc.earth_engine(tmp_path)
    station = stations.tenv3(tmp_path, stations.enu_mm((1.0, 2.0, 3.0), 40, 7), (13.19, 38.71))
    first, second = told_by(capsys, str(image), str(station))
    assert (first["kind"], second["kind"]) == ("image", "stations")
    assert facts(first["parts"][0])["polarisation"] == ("VV", "stated in the file")
    assert first["parts"][0]["values_in"] == "dB"
    assert second["parts"][0]["points"] >= 1
    assert main(["inspect", str(image), str(station)]) == 0


def test_a_folder_is_walked_and_the_list_can_be_written_to_a_file(tmp_path):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    licsbas.make(folder)
    (tmp_path / "LICENSE").write_text("free")
    out = tmp_path / "a" / "told.json"
    assert main(["inspect", str(tmp_path), "--out", str(out)]) == 0
    told = json.loads(out.read_text())
    assert [Path(each["path"]).name for each in told] == ["cum.h5", "LICENSE"]
    assert "left_alone" in told[1]
