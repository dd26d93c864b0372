"""Sentinel-1 GRD: what the real product's own files say."""

import re
from datetime import UTC, datetime

import numpy as np
import pytest
from pyproj import Transformer
from shapely import Polygon

from ground_motion.core.errors import InputError
from ground_motion.readers.formats.registry import open_scenes, scene_by_name
from ground_motion.readers.images.sentinel1 import terrain as sentinel1_terrain
from ground_motion.readers.images.sentinel1.container import open_safe
from ground_motion.readers.images.sentinel1.geolocation import positions_of
from ground_motion.readers.images.sentinel1.safe import (
    annotation_of,
    annotations_of,
    calibration_of,
    manifest_of,
    noise_of,
)
from ground_motion.readers.records import Direction

pytestmark = pytest.mark.realdata


@pytest.fixture
def path(real_data):
    (path,) = (real_data / "sentinel1_grd_safe").glob("*.zip")
    return path


def test_the_real_product_says_what_its_files_say(path):
    safe = open_safe(path)
    manifest = manifest_of(safe)
    assert (manifest.platform, manifest.absolute_orbit) == ("S1A", 36201)
    assert (manifest.track, manifest.formula_track) == (79, 79)
    assert manifest.start == datetime(2021, 1, 19, 3, 16, 53, 799379, tzinfo=UTC)
    assert manifest.stop == datetime(2021, 1, 19, 3, 17, 18, 797132, tzinfo=UTC)
    assert manifest.direction is Direction.DESCENDING
    assert sorted(annotations_of(safe)) == ["VH", "VV"]
    annotation = annotation_of(safe, "VV", annotations_of(safe)["VV"])
    assert (annotation.lines, annotation.pixels, annotation.range_spacing_m) == (16854, 25931, 10.0)
    assert (annotation.slice_number, annotation.points.longitude.shape) == ("5", (10, 21))
    calibration, noise = calibration_of(safe, annotation), noise_of(safe, annotation)
    assert (len(calibration.line), calibration.pixel[0].size) == (27, 650)
    assert calibration.value[0][:3] == pytest.approx([665.7139, 665.4355, 665.1578])
    assert (len(noise.across.line), noise.across.pixel[0].size, len(noise.along_track)) == (27, 653, 3)
    assert (noise.along_track[1].first_pixel, noise.along_track[1].line.size) == (8743, 1704)


def corners_of(safe) -> list[tuple[float, float]]:
    """Longitude and latitude of the corners that the manifest states."""
    stated = re.search(r"<gml:coordinates>(.*?)</gml:coordinates>", safe.xml("manifest.safe").decode())[1]
    return [(float(corner.split(",")[1]), float(corner.split(",")[0])) for corner in stated.split()]


def test_the_real_products_outline_is_its_manifests(path):
    safe = open_safe(path)
    annotation = annotation_of(safe, "VV", annotations_of(safe)["VV"])
    positions = positions_of(annotation.points, 32736)
    assert positions.is_sane(10.0)
    to_map = Transformer.from_crs(4326, 32736, always_xy=True)
    ours = Polygon(np.stack(positions.outline(annotation.lines, annotation.pixels), axis=1))
    theirs = Polygon([to_map.transform(*corner) for corner in corners_of(safe)])
    assert ours.intersection(theirs).area / ours.union(theirs).area > 0.98
    line, pixel = positions.image_of(*to_map.transform(annotation.points.longitude, annotation.points.latitude))
    assert np.abs(line - annotation.points.line[:, None]).max() < 0.1
    assert np.abs(pixel - annotation.points.pixel).max() < 0.1


def test_the_real_product_without_its_measurement_is_refused(path):
    with pytest.raises(InputError, match="the measurement for VV is missing"):
        open_scenes(path)
    name, about = scene_by_name(path)
    assert (name, about.track, about.platform) == ("sentinel1-grd", 79, "S1A")


def test_the_orbit_of_the_real_product_leads_to_its_own_points(path):
    pytest.importorskip("sarsen")
    safe = open_safe(path)
    annotation = annotation_of(safe, "VV", annotations_of(safe)["VV"])
    points = annotation.points
    line, pixel = sentinel1_terrain.image_of_orbit(annotation)(points.longitude, points.latitude, points.height_m)
    assert np.abs(line - points.line[:, None]).max() < 0.5
    assert np.abs(pixel - points.pixel).max() < 0.5


def test_the_real_stripmap_product_says_what_its_files_say(real_data):
    (path,) = (real_data / "cases" / "sentinel1_stripmap").glob("*.zip")
    header = open_scenes(path)[0].header
    assert (header.platform, header.mode, header.polarisation, header.track) == ("S1C", "SM", "HH", 15)
    assert (header.absolute_orbit, header.direction) == (638, Direction.ASCENDING)
    assert header.acquired_at.isoformat(timespec="milliseconds") == "2025-01-18T17:14:04.727+00:00"
