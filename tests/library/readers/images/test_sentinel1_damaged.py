"""Sentinel-1 products that cannot be used: each is refused with one clear line, never with a traceback."""

import zipfile
from dataclasses import replace

import numpy as np
import pytest

from ground_motion.core.errors import InputError
from ground_motion.readers.formats.registry import open_scenes, recognise, scene_by_name
from ground_motion.readers.images.sentinel1 import container as sentinel1_container
from ground_motion.readers.images.sentinel1 import safe as sentinel1_safe
from ground_motion.readers.records import Declaration
from tests.makers.damage import NOISY, flipped, truncated
from tests.makers.rtc import outcome
from tests.makers.simulated_safe import Flight, Recipe, as_on_aws, make, random_digital

SMALL = Recipe(flight=Flight(lines=48, pixels=64), polarisations=("VV",), grid=(3, 4))


def swapped(old: str, new: str, times: int = -1):
    """A change to the text of a file that must find something to change."""

    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, times)

    return change


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"leave_out": ("measurement",)}, "the measurement for VV is missing"),
        ({"leave_out": ("manifest",)}, "manifest.safe is missing"),
        ({"leave_out": ("annotation/s1a",)}, "holds no annotation of an image"),
        ({"leave_out": ("calibration-",)}, "the calibration table for VV is missing"),
        ({"leave_out": ("noise-",)}, "the noise table for VV is missing"),
        ({"kind": "SLC"}, "SLC (complex) product. Give the GRD product of the same time (S1A_IW_GRD*_1SSV_20240501*)"),
        ({"kind": "OCN"}, "this is an OCN"),
        ({"kind": "RAW"}, "this is a RAW"),
        ({"mode": "WV"}, "its mode is WV (small images of the open sea). Give a GRD product of the modes IW, EW or SM"),
        ({"digital": {"VV": np.zeros((48, 64), dtype=np.uint16)}}, "empty: nothing but zeros"),
        ({"digital": {"VV": random_digital(40, 64)}}, "has 64 x 40 pixels, its annotation 64 x 48"),
        ({"tiff": {"count": 2}}, "2 bands of uint16"),
        ({"tiff": {"dtype": "float32"}}, "1 bands of float32"),
        ({"sigma_nought": lambda line, pixel: 0.0}, "must be positive"),
        ({"noise_range": lambda line, pixel: -1.0}, "cannot be negative"),
        ({"change": {"annotation/s1a": swapped("<latitude>", "<latitude>nan ", 1)}}, "not a number"),
        ({"change": {"annotation/s1a": swapped("</latitude>", "</latitude><height>nan</height>", 1)}}, "finite number"),
        ({"change": {"annotation/s1a": swapped("<pixel>0</pixel>", "<pixel>7</pixel>", 1)}}, "form no grid"),
        ({"change": {"annotation/s1a": swapped("<latitude>4", "<latitude>-4", 1)}}, "folds over or tears"),
        ({"change": {"annotation/s1a": swapped("Samples>64<", "Samples>6400<")}}, "does not cover the image"),
        ({"change": {"annotation/s1a": swapped("Samples>64<", "Samples>64000000000<")}}, "it declares 64000000000"),
        ({"change": {"annotation/s1a": swapped("<polarisation>VV", "<polarisation>VH")}}, "its name states VV"),
        ({"change": {"annotation/s1a": swapped("Number>36201", "Number>36202")}}, "orbit 36201 of S1A"),
        ({"change": {"annotation/s1a": swapped("Number>36201", "Number>many")}}, "not a number"),
        ({"change": {"annotation/s1a": swapped("FirstLineUtcTime>2", "FirstLineUtcTime>x")}}, "not a time"),
        ({"change": {"annotation/s1a": swapped("Descending", "Sideways")}}, "not ascending or descending"),
        ({"change": {"annotation/s1a": lambda text: text[:400]}}, "is no XML"),
        ({"change": {"manifest": lambda text: ""}}, "0 bytes"),
        ({"change": {"manifest": swapped('"start">79<', '"start">790<')}}, "its relative orbit is 790"),
        ({"change": {"manifest": swapped("SENTINEL-1", "SENTINEL-2")}}, "not of Sentinel-1"),
        ({"change": {"calibration-": swapped("<line>8<", "<line>99<", 1)}}, "out of order"),
        ({"change": {"calibration-": swapped("<line>8<", "<line>inf<", 1)}}, "no finite number"),
        ({"change": {"calibration-": swapped(">0 40 63<", ">0 40<", 1)}}, "2 pixels but 3 sigmaNought"),
        ({"change": {"noise-": swapped(">0 40 63<", ">0 40<", 1)}}, "2 pixels but 3 noiseRangeLut"),
        ({"change": {"noise-": swapped('count="6">0 10', 'count="6">10', 1)}}, "noiseAzimuthLut has 5 lines"),
        ({"change": {"noise-": swapped("e+02", "e+99999", 1)}}, "no finite number"),
        ({"change": {"noise-": swapped("noiseRange", "other")}}, "missing or out of order"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_used_is_refused_with_the_reason(tmp_path, changes, message):
    refused = outcome(make(tmp_path, SMALL, **changes))
    assert message in refused
    assert str(tmp_path) in refused


def test_a_copy_from_aws_without_its_manifest_is_told_so(tmp_path):
    (tmp_path / "other").mkdir()
    folder = as_on_aws(make(tmp_path, SMALL, leave_out=("manifest",)))
    packed = as_on_aws(make(tmp_path / "other", SMALL, leave_out=("manifest",)), folder.name)
    assert "manifest.safe is missing" in outcome(folder)
    assert "manifest.safe is missing" in outcome(packed)


def test_two_polarisations_of_which_one_has_no_image(tmp_path):
    path = make(tmp_path, replace(SMALL, polarisations=("VV", "VH")), leave_out=("measurement/s1a-iw-grd-vh",))
    assert "the measurement for VH is missing" in outcome(path)
    assert len(open_scenes(path, declared=Declaration(polarisation="VV"))) == 1


def test_several_products_in_one_zip_are_refused_and_a_folder_of_several_is_no_product(tmp_path):
    one, two = make(tmp_path, SMALL), make(tmp_path, SMALL, absolute_orbit=36202)
    packed = tmp_path / "two.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for root in (one, two):
            for file in root.rglob("*"):
                archive.write(file, file.relative_to(tmp_path))
    assert "the zip holds 2 products" in outcome(packed)
    packed.unlink()
    with pytest.raises(InputError, match="no product that is known"):
        recognise(tmp_path)


@NOISY
def test_a_zip_cut_anywhere_is_refused_and_flipped_bits_are_refused_or_harmless(tmp_path):
    path = make(tmp_path, SMALL, packed=True)
    assert all(outcome(path) for _ in truncated(path))
    refused = [outcome(path) for _ in flipped(path)]
    assert sum(map(bool, refused)) > 12


@NOISY
@pytest.mark.parametrize("part", ["manifest.safe", "annotation/s1a", "calibration-", "noise-", "measurement"])
def test_flipped_bits_and_cuts_in_a_file_of_a_folder_are_refused_or_harmless(tmp_path, part):
    root = make(tmp_path, SMALL)
    (file,) = (file for file in root.rglob("*") if file.is_file() and part in str(file.relative_to(root)))
    for _ in flipped(file, seeds=15):
        outcome(root)
    refused = [outcome(root) for _ in truncated(file, 20)]
    assert sum(map(bool, refused)) >= 19  # the last cut may take the line's end only


def test_a_product_without_any_one_of_its_files_is_refused_and_still_known_by_name(tmp_path):
    root = make(tmp_path, SMALL)
    for file in sorted(file for file in root.rglob("*") if file.is_file()):
        content = file.read_bytes()
        file.unlink()
        assert outcome(root)
        assert scene_by_name(root)[1].track == 79
        file.write_bytes(content)
    assert outcome(root) == ""


def test_a_link_out_of_a_folder_is_not_followed(tmp_path):
    root = make(tmp_path, SMALL)
    (tmp_path / "elsewhere.tiff").write_bytes(b"secret")
    (measurement,) = root.glob("measurement/*")
    measurement.unlink()
    measurement.symlink_to(tmp_path / "elsewhere.tiff")
    assert "a link that leads out" in outcome(root)


def test_declared_sizes_are_checked_before_anything_is_unpacked(tmp_path, monkeypatch):
    path = make(tmp_path, SMALL, packed=True)
    monkeypatch.setattr(sentinel1_container, "MAX_XML_BYTES", 1000)
    assert "bytes" in outcome(path)
    monkeypatch.undo()
    monkeypatch.setattr(sentinel1_safe, "MAX_PIXELS", 1000)
    assert "it declares 64 x 48 pixels" in outcome(path)
