"""`python -m ml inspect`: what a file is taken for and what stands in it; nothing is loaded, nothing is guessed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from ingest.formats.inspection import inspect
from ml.__main__ import main
from tests.makers import geotiff, licsbas, rtc, stations

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
