"""Contents of the XML files of a Sentinel-1 GRD product: manifest, annotation, calibration and noise of a polarisation.

ESA, Sentinel-1 Product Specification, S1-RS-MDA-52-7441.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np

from ground_motion.readers.images.scenes import REPEAT_ORBITS, relative_orbit
from ground_motion.readers.images.sentinel1.calibration import AzimuthBlock, Noise, Table
from ground_motion.readers.images.sentinel1.container import MANIFEST, Node, Safe
from ground_motion.readers.images.sentinel1.geolocation import GridPoints
from ground_motion.readers.records import Direction, Float64

ANNOTATION = re.compile(r"annotation/(?:s1[a-d]-)?(?:s[1-6]|iw|ew|wv)\d?-(?:[a-z]{3}-)?(?P<pol>[vh]{2})\b.*\.xml")
STRIPMAP, SLC_NAME = re.compile(r"^S[1-6]$"), re.compile(r"^(S1\w_\w\w_)\w{4}_\d\w(\w\w_\d{8}).*")
KINDS = {"SLC": "an SLC (complex) product", "OCN": "an OCN (ocean) product", "RAW": "a RAW (level 0) product"}
MAX_PIXELS = 3 * 10**9  # The largest image, stripmap in full resolution, has about 1.5 billion.
MAX_PER_LINE = 200_000


class Manifest(NamedTuple):
    """Facts about the whole product. track: stated relative orbit; formula_track: computed from the absolute orbit."""

    platform: str
    track: int
    formula_track: int | None
    absolute_orbit: int
    direction: Direction
    start: datetime
    stop: datetime
    software: str


class RangeModel(NamedTuple):
    """Polynomial from slant range to ground range at one time: sum of srgr[k] (range - sr0_m)^k, metres."""

    time: datetime
    sr0_m: float
    srgr: Float64


class StateVector(NamedTuple):
    """Position of the satellite, metres, Earth-fixed."""

    time: datetime
    position_m: Float64


@dataclass(frozen=True)
class Annotation:
    """Image of one polarisation in ground range, lines x pixels, as its annotation describes it; spacings in metres."""

    file: str
    stem: str
    polarisation: str
    platform: str
    mode: str
    swath: str
    start: datetime
    stop: datetime
    absolute_orbit: int
    direction: Direction
    lines: int
    pixels: int
    first_line_time: datetime
    line_interval_s: float
    range_spacing_m: float
    azimuth_spacing_m: float
    incidence_mid_deg: float
    slice_number: str
    noise_removed: bool
    points: GridPoints
    orbit: tuple[StateVector, ...]
    ranges: tuple[RangeModel, ...]


def require_image(safe: Safe, kind: str, mode: str = "IW") -> None:
    """Raise InputError for products other than images in ground range, and say which file to give."""
    if mode not in {"IW", "EW", "SM"}:
        problem = f"its mode is {mode[:10]}{' (small images of the open sea)' if mode == 'WV' else ''}"
        raise safe.fault(problem, "Give a GRD product of the modes IW, EW or SM (S1 to S6)")
    if kind[:3] != "GRD":
        wanted = SLC_NAME.sub(r"\1GRD*_1S\2", safe.name[:25])
        remedy = f"Give the GRD product of the same time{f' ({wanted}*)' if wanted else ''}"
        raise safe.fault(f"this is {KINDS.get(kind[:3], f'a product of type {kind[:20]}')}", remedy)


def manifest_of(safe: Safe) -> Manifest:
    """Read the manifest. Raises InputError, also for products other than GRD."""
    if MANIFEST not in safe.files:
        raise safe.fault(f"{MANIFEST} is missing", "Copy or download the whole product again")
    root = Node.parse_file(safe, MANIFEST)
    kind = root.maybe(".//{*}productType")
    require_image(safe, kind or "GRD")
    family, number = root.text(".//{*}platform/{*}familyName"), root.text(".//{*}platform/{*}number")
    if family.upper() != "SENTINEL-1":
        raise root.fault(f"it is of {family[:40]}, not of Sentinel-1")
    platform, orbit = f"S1{number}", root.whole(".//{*}orbitNumber[@type='start']")
    track = root.whole(".//{*}relativeOrbitNumber[@type='start']")
    if not 1 <= track <= REPEAT_ORBITS:
        raise root.fault(f"its relative orbit is {track}, not 1 to {REPEAT_ORBITS}")
    software = root.element.find(".//{*}processing/{*}facility/{*}software")
    start = root.time(".//{*}acquisitionPeriod/{*}startTime")
    return Manifest(
        platform=platform,
        track=track,
        formula_track=relative_orbit(platform, orbit, start),
        absolute_orbit=orbit,
        direction=_direction(root, ".//{*}orbitProperties/{*}pass"),
        start=start,
        stop=root.time(".//{*}acquisitionPeriod/{*}stopTime"),
        software="" if software is None else f"{software.get('name', '')} {software.get('version', '')}".strip(),
    )


def annotations_of(safe: Safe) -> dict[str, str]:
    """Return polarisation -> its annotation file. Raises InputError if there is none, or two of one polarisation."""
    annotations: dict[str, str] = {}
    for file in sorted(safe.files):
        if named := ANNOTATION.fullmatch(file.lower()):
            polarisation = named["pol"].upper()
            if polarisation in annotations:
                raise safe.fault(f"it holds two annotations of {polarisation}", "Download it again")
            annotations[polarisation] = file
    if not annotations:
        raise safe.fault("it holds no annotation of an image", "Copy or download the whole product again")
    return annotations


def annotation_of(safe: Safe, polarisation: str, file: str) -> Annotation:
    """Read the annotation of one polarisation. Raises InputError."""
    root = Node.parse_file(safe, file)
    image = "imageAnnotation/imageInformation"
    mode = STRIPMAP.sub("SM", root.text("adsHeader/mode"))  # A stripmap annotation states the beam, S1 to S6.
    require_image(safe, root.text("adsHeader/productType"), mode)
    if root.text("adsHeader/polarisation") != polarisation:
        raise root.fault(f"it is of {root.text('adsHeader/polarisation')[:10]}, but its name states {polarisation}")
    lines, pixels = root.whole(f"{image}/numberOfLines"), root.whole(f"{image}/numberOfSamples")
    if min(lines, pixels) < 16 or pixels > MAX_PER_LINE or lines * pixels > MAX_PIXELS:
        raise root.fault(f"it declares {pixels} x {lines} pixels")
    interval, spacing = root.number(f"{image}/azimuthTimeInterval"), root.number(f"{image}/rangePixelSpacing")
    if not 1e-5 < interval < 1 or not 1 < spacing < 200:
        raise root.fault(f"it declares pixels of {spacing} m, lines {interval} s apart")
    azimuth_spacing = root.number(f"{image}/azimuthPixelSpacing")
    if not 1 < azimuth_spacing < 200:
        raise root.fault(f"it declares lines {azimuth_spacing} m apart")
    removed = root.maybe("imageAnnotation/processingInformation/thermalNoiseCorrectionPerformed")
    return Annotation(
        file=file,
        stem=file.removeprefix("annotation/").removesuffix(".xml"),
        polarisation=polarisation,
        platform=root.text("adsHeader/missionId"),
        mode=mode,
        swath=root.maybe("adsHeader/swath"),
        start=root.time("adsHeader/startTime"),
        stop=root.time("adsHeader/stopTime"),
        absolute_orbit=root.whole("adsHeader/absoluteOrbitNumber"),
        direction=_direction(root, "generalAnnotation/productInformation/pass"),
        lines=lines,
        pixels=pixels,
        first_line_time=root.time(f"{image}/productFirstLineUtcTime"),
        line_interval_s=interval,
        range_spacing_m=spacing,
        azimuth_spacing_m=azimuth_spacing,
        incidence_mid_deg=root.number(f"{image}/incidenceAngleMidSwath"),
        slice_number=root.maybe(f"{image}/sliceNumber"),
        noise_removed=removed == "true",
        points=_points(root, lines, pixels),
        orbit=tuple(
            StateVector(node.time("time"), np.array([node.number(f"position/{axis}") for axis in "xyz"]))
            for node in root.each("generalAnnotation/orbitList/orbit")
        ),
        ranges=tuple(
            RangeModel(node.time("azimuthTime"), node.number("sr0"), node.numbers("srgrCoefficients"))
            for node in root.each("coordinateConversion/coordinateConversionList/coordinateConversion")
        ),
    )


def calibration_of(safe: Safe, annotation: Annotation) -> Table:
    """Return the sigmaNought table of a polarisation. Raises InputError."""
    root = _table_file(safe, annotation, "calibration")
    vectors = root.each("calibrationVectorList/calibrationVector")
    table = _table(root, vectors, "sigmaNought")
    if table.extent[0] <= 0:
        raise root.fault(f"its sigmaNought holds {table.extent[0]:g}, and must be positive")
    return table


def noise_of(safe: Safe, annotation: Annotation) -> Noise:
    """Return a polarisation's noise tables, also of old processors (noiseVectorList). Raises InputError."""
    root = _table_file(safe, annotation, "noise")
    if root.element.find("noiseRangeVectorList") is None:
        across = _table(root, root.each("noiseVectorList/noiseVector"), "noiseLut")
    else:
        across = _table(root, root.each("noiseRangeVectorList/noiseRangeVector"), "noiseRangeLut")
    blocks = tuple(_azimuth_block(node) for node in root.each("noiseAzimuthVectorList/noiseAzimuthVector"))
    lowest = min([across.extent[0], *(float(block.value.min()) for block in blocks)])
    if lowest < 0:
        raise root.fault(f"its noise is {lowest:g}, and cannot be negative")
    return Noise(across, blocks)


def _direction(root: Node, place: str) -> Direction:
    text = root.text(place).lower()
    if text not in {Direction.ASCENDING, Direction.DESCENDING}:
        raise root.fault(f"its pass is {text[:20]!r}, not ascending or descending")
    return Direction(text)


def _points(root: Node, lines: int, pixels: int) -> GridPoints:
    names = ("line", "pixel", "longitude", "latitude", "height", "incidenceAngle")
    nodes = root.each("geolocationGrid/geolocationGridPointList/geolocationGridPoint")
    table = np.array([[node.number(name) for name in names] for node in nodes])
    if table.size == 0:
        raise root.fault("it has no geolocation grid")
    line, pixel = np.unique(table[:, 0]), np.unique(table[:, 1])
    if len(table) != line.size * pixel.size or min(line.size, pixel.size) < 2:
        raise root.fault(f"its {len(table)} geolocation points form no grid of lines and pixels")
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    grids = table.T.reshape(len(names), line.size, pixel.size)
    if not (np.array_equal(grids[0, :, 0], line) and np.array_equal(grids[1, 0], pixel)) or np.ptp(grids[0], 1).any():
        raise root.fault(f"its {len(table)} geolocation points form no grid of lines and pixels")
    covered = line[-1] - line[0] >= 0.9 * (lines - 1) and pixel[-1] - pixel[0] >= 0.9 * (pixels - 1)
    if not covered or (np.abs(grids[3]) > 90).any() or (np.abs(grids[2]) > 360).any():
        raise root.fault("its geolocation grid does not cover the image, or leaves the Earth")
    if (np.abs(grids[4]) > 10_000).any() or (grids[5] < 5).any() or (grids[5] > 80).any():
        raise root.fault("its geolocation grid holds an impossible height or incidence angle")
    longitude = np.unwrap(np.unwrap(grids[2], period=360, axis=0), period=360, axis=1)
    return GridPoints(line, pixel, longitude, grids[3], grids[4], grids[5])


def _table_file(safe: Safe, annotation: Annotation, what: str) -> Node:
    start = f"annotation/calibration/{what}-"
    return Node.parse_file(safe, companion_file(safe, annotation, start, (".xml",), f"{what} table"))


def companion_file(safe: Safe, annotation: Annotation, start: str, ends: tuple[str, ...], called: str) -> str:
    """Return a file that belongs to an annotation, with or without -cog in its name. InputError if it is missing.

    Args:
        safe: The product.
        annotation: Name of the annotation.
        start: The file's name begins with this, before the annotation's name.
        ends: The file's name ends with one of these.
        called: What the error calls the file.
    """
    stem = annotation.stem.removesuffix("-cog")
    places = [f"{start}{stem}{cog}{end}" for end in ends for cog in ("", "-cog")]
    file = next((place for place in places if place in safe.files), None)
    if file is None:
        problem = f"the {called} for {annotation.polarisation} is missing ({places[0]})"
        raise safe.fault(problem, "Copy or download the whole product again, or ask for a polarisation that is there")
    return file


def _table(root: Node, vectors: Iterator[Node], value: str) -> Table:
    lines, pixels, values = [], [], []
    for node in vectors:
        lines.append(node.number("line"))
        pixels.append(node.numbers("pixel"))
        values.append(node.numbers(value))
        if pixels[-1].size != values[-1].size:
            raise root.fault(f"at line {lines[-1]:g} it has {pixels[-1].size} pixels but {values[-1].size} {value}")
        if (np.diff(pixels[-1]) <= 0).any():
            raise root.fault(f"at line {lines[-1]:g} its pixels are out of order")
    if not lines or (np.diff(lines) <= 0).any():
        raise root.fault(f"its {len(lines)} vectors of {value} are missing or out of order")
    return Table(np.array(lines), tuple(pixels), tuple(values))


def _azimuth_block(node: Node) -> AzimuthBlock:
    line, value = node.numbers("line"), node.numbers("noiseAzimuthLut")
    if line.size != value.size or (np.diff(line) <= 0).any():
        raise node.fault(f"a noiseAzimuthLut has {line.size} lines (perhaps out of order) but {value.size} values")
    edges = ("firstAzimuthLine", "lastAzimuthLine", "firstRangeSample", "lastRangeSample")
    top, bottom, left, right = (node.whole(edge) for edge in edges)
    return AzimuthBlock(top, bottom, left, right, line, value)
