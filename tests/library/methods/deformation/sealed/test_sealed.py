"""Sealed evidence: the figures follow from the inputs to the bit, and no byte can be altered unseen."""

import json
import zipfile
from io import BytesIO

import numpy as np
import pytest
from affine import Affine

from ground_motion.cli.program import main
from ground_motion.methods.deformation.sealed import package
from ground_motion.methods.deformation.sealed.measurement import COLUMNS, Measurement, alert_figures
from ground_motion.methods.deformation.sealed.versions import versions
from ground_motion.rasters.areas import DEFAULT_THRESHOLDS

CELL_M, SIDE = 100.0, 24
WEST, NORTH = 500_000.0, 5_400_000.0
SIGHT = [-0.6, -0.13, 0.79]
POINTS = [(name, kind) for name, kind in zip(COLUMNS, ("<f8", "<f8", "<f4", "<f4"), strict=True)]


def sunk_at(x, y):
    """Return the rate of a bowl, mm a year."""
    return -18 * np.exp(-((x - WEST - 1200) ** 2 + (y - NORTH + 1200) ** 2) / 2 / 350**2)


def made_measurement(seed=3):
    """Return the measurement of a bowl that one track saw, with a mean series."""
    rng = np.random.default_rng(seed)
    x, y = WEST + rng.uniform(-1500, 3900, 2500), NORTH - rng.uniform(-1500, 3900, 2500)
    rates = sunk_at(x, y) + rng.normal(0, 0.6, x.size)
    at = CELL_M * (np.arange(SIDE) + 0.5)
    rate = sunk_at(WEST + at[None, :], NORTH - at[:, None]).astype(np.float32)
    probability = (rate < -3).astype(np.float32) * np.float32(0.9)
    facts = {
        "epsg": 32632,
        "transform": [*Affine(CELL_M, 0, WEST, 0, -CELL_M, NORTH)[:6]],
        "bands": ["probability", "subsidence", "uplift", "rate_mm_yr"],
        "thresholds": DEFAULT_THRESHOLDS._asdict(),
        "statistics": {"rate_sigma_mm_yr": 0.7},
        "weights_sha256": "",
        "component": "los",
        "dates": ["2020-01-03", "2021-12-29"],
        "tracks": [{"product": "made", "direction": "ascending", "line_of_sight": SIGHT, "background_mm_yr": 0.0}],
        "flagged": 0,
        "part": 0,
        "series_dates": [f"20{20 + at // 12}-{at % 12 + 1:02}-03" for at in range(24)],
    }
    points = np.empty(x.size, POINTS)
    for name, values in zip(COLUMNS, (x, y, rates, np.full(x.size, np.nan)), strict=True):
        points[name] = values
    series = (np.arange(24) * -1.2 + rng.normal(0, 1, 24)).astype(np.float32)
    return Measurement(facts, np.stack([probability, probability, 0 * probability, rate]), [points], series)


def sealed(measurement, figures=None, **made):
    """Return the archive of a measurement with its own figures, or with those given."""
    figures = json.loads(json.dumps(figures or measurement.recomputed()))
    return package.packed(package.files_of(stated_of(measurement, figures, **made), [(measurement, figures)]))


def stated_of(measurement, figures, **made):
    """Return what a package of one measurement states of its alert."""
    stated = {"format": 1, "code": "BES7", "kind": "subsidence", "simulated": True, "made_with": versions() | made}
    return stated | {"figures": alert_figures([(measurement.facts, figures)])}


@pytest.fixture(scope="module")
def archive():
    return sealed(made_measurement())


@pytest.fixture
def verify(tmp_path, capsys):
    def verify(archive, *more):
        """Return (exit status, what was printed) of the command."""
        path = tmp_path / "BES7.zip"
        path.write_bytes(archive)
        return main(["verify", str(path), *more]), capsys.readouterr().out

    return verify


def test_a_package_is_verified_and_says_its_seal_and_figures(archive, verify):
    seal = package.opened(archive).seal
    code, said = verify(archive, "--seal", seal[:16])
    assert code == 0, said
    assert said.splitlines()[-2:] == [f"seal {seal}", "verified"]
    assert "alert: rate_mm_yr: -" in said
    assert "BUT" not in said
    assert "alert BES7, subsidence (simulated: not a real place)" in said
    code, said = verify(archive, "--seal", "0" * 16)
    assert (code, f"its seal is {seal}" in said) == (1, True)


def test_without_the_seal_nothing_is_called_verified(archive, verify):
    code, said = verify(archive)
    assert (code, "verified" in said, said.splitlines()[-1].endswith(f"page: {package.opened(archive).seal}")) == (
        0,
        False,
        True,
    )


@pytest.mark.parametrize("seal", ["", " ", "0123", "0" * 15, "0" * 65, "g" * 16])
def test_a_seal_that_is_none_is_refused(archive, tmp_path, capsys, seal):
    (tmp_path / "BES7.zip").write_bytes(archive)
    assert main(["verify", str(tmp_path / "BES7.zip"), "--seal", seal]) == 2
    assert "16 hexadecimal digits" in capsys.readouterr().err


def test_a_package_made_twice_is_the_same_to_the_bit_and_a_stamp_of_earlier_versions_changes_nothing(archive):
    assert sealed(made_measurement()) == archive
    files = package.opened(archive).files
    assert package.opened(package.packed(files, b"a stamp")).seal == package.opened(archive).seal


def test_every_altered_byte_of_a_package_is_found():
    small = made_measurement()
    small = small._replace(points=[small.points[0][:4]], raster=small.raster[:, :2, :2], series=small.series[:0])
    archive = package.packed(package.files_of(dict.fromkeys(package.STATED), [(small, {})]))
    unseen = []
    for at in range(len(archive)):
        altered = bytearray(archive)
        altered[at] ^= 0xFF if at % 2 else 0x01
        try:
            package.opened(bytes(altered))
        except package.Altered:
            continue
        unseen.append(at)
    assert (len(archive) > 3000, unseen) == (True, [])


@pytest.mark.parametrize(
    "changed",
    [
        lambda archive: archive + b"\n",
        lambda archive: b"#!/bin/sh\n" + archive,
        lambda archive: archive[:-1],
        lambda archive: b"",
        lambda archive: repacked(archive, drop="README.txt"),
        lambda archive: repacked(archive, add="more.txt"),
        lambda archive: repacked(archive, add="../etc.txt"),
        lambda archive: repacked(archive, kind=zipfile.ZIP_DEFLATED),
    ],
)
def test_bytes_and_files_added_or_left_out_are_found(archive, verify, changed):
    code, said = verify(changed(archive))
    assert (code, said.splitlines()[-1]) == (1, "NOT verified")


def repacked(archive, drop="", add="", kind=zipfile.ZIP_STORED):
    """Return the files of a package in another archive."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(archive)) as before, zipfile.ZipFile(out, "w", kind) as after:
        for entry in before.infolist():
            if entry.filename != drop:
                after.writestr(zipfile.ZipInfo(entry.filename, package.TIME), before.read(entry), kind)
        if add:
            after.writestr(add, b"more")
    return out.getvalue()


def test_an_altered_input_with_a_new_manifest_is_found_by_computing_the_figures(verify):
    true = made_measurement()
    faster = true.points[0].copy()
    faster["velocity_mm_yr"][np.abs(faster["x"] - WEST - 1200) < 300] *= np.float32(1.001)
    for changed in (
        true._replace(points=[faster]),
        true._replace(series=true.series * np.float32(1.5)),
        true._replace(facts=true.facts | {"dates": ["2019-01-03", "2021-12-29"]}, raster=true.raster[:, :, :12]),
    ):
        code, said = verify(sealed(changed, true.recomputed()))
        assert (code, "BUT" in said, said.splitlines()[-1][:12]) == (1, True, "NOT verified")


def test_an_altered_figure_with_a_new_manifest_is_found(verify):
    true = made_measurement()
    figures = true.recomputed()
    figures["peak_rate_mm_yr"] = float(np.nextafter(figures["peak_rate_mm_yr"], 0))
    code, said = verify(sealed(true, figures))
    assert code == 1
    assert [line for line in said.splitlines() if "BUT" in line and "peak_rate" in line]


def test_figures_of_another_processor_are_told_and_may_differ_by_rounding_only(verify):
    true = made_measurement()
    figures = true.recomputed()
    for factor, expected, last in (
        (1 + 1e-13, 0, "The figures follow from the inputs, but for rounding"),
        (1 + 1e-7, 3, "cannot be decided"),
    ):
        other = figures | {"peak_rate_mm_yr": figures["peak_rate_mm_yr"] * factor}
        code, said = verify(sealed(true, other, arithmetic="another"))
        assert (code, said.splitlines()[-1].startswith(last)) == (expected, True)
        assert "made with {" in said


def test_alert_json_is_read_as_it_was_written(archive, verify):
    files = package.opened(archive).files
    for before, after in (
        (b' "figures"', b' "figures": {"rate_mm_yr": -99},\n "figures"'),
        (b' "kind"', b' "note": 1,\n "kind"'),
    ):
        forged = files[package.FACTS].replace(before, after, 1)
        code, said = verify(package.packed(files | {package.FACTS: forged}))
        assert (code, "not written as a package writes" in said) == (1, True)
    assert verify(package.packed(files | {"2-more.txt": b"more"}))[0] == 1


@pytest.mark.parametrize(
    "facts",
    [
        {"flagged": 7},
        {"transform": [0] * 6},
        {"bands": []},
        {"thresholds": {"enter": "x"}},
        {"thresholds": {"joined_m": 1e10}},
        {"tracks": 3},
        {"epsg": 1},
    ],
)
def test_inputs_that_give_no_figures_are_reported(facts, verify):
    true = made_measurement()
    archive = sealed(true._replace(facts=true.facts | facts), true.recomputed()) if facts != {"tracks": 3} else b"PK"
    code, said = verify(archive)
    assert (code, said.splitlines()[-1]) == (1, "NOT verified")


def test_an_array_that_promises_more_than_it_holds_is_refused(archive, verify):
    with zipfile.ZipFile(BytesIO(archive)) as given:
        files = {name: given.read(name) for name in given.namelist() if name != package.MANIFEST}
    whole = files["1-raster.npy"]
    for before, after in (
        (b"(4, 24, 24)", b"(9999,9999)"),
        (b"(4, 24, 24)", b"(4, 24, 24'"),
        (b"(4, 24, 24)", b"(10**9*9,1)"),
        (b"'<f4'", b"'|O4'"),
        (b"\x01\x00", b"\x09\x00"),
    ):
        assert before in whole
        code, said = verify(package.packed(files | {"1-raster.npy": whole.replace(before, after, 1)}))
        assert (code, "not those of a package" in said) == (1, True)


def test_a_missing_file_is_bad_input(capsys):
    assert main(["verify", "/nowhere.zip"]) == 2
    assert "Check the path" in capsys.readouterr().err
