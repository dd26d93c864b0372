"""Sentinel-1 GRD of IW, EW and stripmap (SAFE): calibrated to sigma0, without thermal noise, resampled to a UTM grid.

Each polarisation gives one image. It is read, calibrated and resampled piece by piece, so that a scene of 25,000 x
16,700 samples never fills the memory. With the geolocation grid alone, positions between its points (some 13 x 20 km
apart) are right only on even ground. A height error h displaces them by h / tan(incidence); two passes of a track are
displaced alike only if both use the heights of the first one's grid (`Placing.ground`). With an elevation raster and
the extra `terrain` every pixel is right. Border noise of products of processors before 2.9 is kept, because it is
measured power. The noise tables of processors before 2.5 hold zeros, so nothing is subtracted then.
ESA, Sentinel-1 Product Specification, S1-RS-MDA-52-7441.
"""

import math
from pathlib import Path

from ground_motion.core.geometry import utm_zone_of
from ground_motion.core.pixel_grids import PixelGrid
from ground_motion.readers.images.scenes import ParsedName, Placing, SceneFile, SceneHeader, maybe_time, relative_orbit
from ground_motion.readers.images.sentinel1 import safe as contents
from ground_motion.readers.images.sentinel1.container import PRODUCT_NAME, Safe, is_safe, open_safe, product_name
from ground_motion.readers.images.sentinel1.geolocation import GridPoints, grid_over, positions_of
from ground_motion.readers.images.sentinel1.image import Image, blocks_of, open_measurement
from ground_motion.readers.images.sentinel1.terrain import terrain_of
from ground_motion.readers.records import Declaration

NAME = "sentinel1-grd"
TITLE = "Sentinel-1 GRD"
ORDER = 10  # This reader is asked first: its folder or zip holds files that others would recognise.
SUFFIXES = frozenset({".zip"})
ATTRIBUTION = "Contains modified Copernicus Sentinel data"
LICENCE = "Copernicus Sentinel data terms"
MAX_GRID_PIXELS = 10**10
# Equivalent looks of IW in high resolution (5 looks that overlap), in the specification; other kinds are left open.
GRDH_LOOKS, GRDH_POSTING_M = 4.4, 10.0
POLARISATIONS = {"SV": "VV", "SH": "HH"}


def recognises(path: Path) -> bool:
    """Return whether a path is any Sentinel-1 SAFE product; `read` refuses kinds other than GRD. Never raises."""
    return is_safe(path)


def parse_name(path: Path) -> ParsedName:
    """Return the facts stated by the name of an image, which may itself be damaged."""
    named = PRODUCT_NAME.match(product_name(path))
    if named is None:
        return ParsedName()
    mode = contents.STRIPMAP.sub("SM", named["mode"])
    acquired_at = maybe_time(named["start"])
    if acquired_at is None:
        return ParsedName(platform=named["platform"], mode=mode)
    track = relative_orbit(named["platform"], int(named["orbit"]), acquired_at)
    return ParsedName(
        platform=named["platform"],
        track=track,
        mode=mode,
        polarisation=POLARISATIONS.get(named["pols"], ""),
        acquired_at=acquired_at,
    )


def read(path: Path, declared: Declaration) -> tuple[SceneFile, ...]:
    """Read the XML files of every polarisation, or of the declared one; images are read later. Raises InputError."""
    safe = open_safe(path)
    named = PRODUCT_NAME.match(safe.name)
    if named:
        contents.require_image(safe, named["kind"], contents.STRIPMAP.sub("SM", named["mode"]))
    manifest, files = contents.manifest_of(safe), contents.annotations_of(safe)
    wanted = (declared.polarisation or "").upper()
    if wanted and wanted not in files:
        raise safe.fault(f"it holds no {wanted}, only {' and '.join(sorted(files))}", "Choose one that it has")
    images = [
        _image(safe, manifest, polarisation, files[polarisation])
        for polarisation in sorted(files, reverse=True)
        if wanted in {"", polarisation}
    ]
    return tuple(_scene(image, Placing()) for image in images)


def _image(safe: Safe, manifest: contents.Manifest, polarisation: str, file: str) -> Image:
    annotation = contents.annotation_of(safe, polarisation, file)
    if annotation.absolute_orbit != manifest.absolute_orbit or annotation.platform != manifest.platform:
        raise safe.fault(
            f"its manifest is of orbit {manifest.absolute_orbit} of {manifest.platform}, its annotation of "
            f"{annotation.absolute_orbit} of {annotation.platform}"
        )
    measurement = contents.companion_file(safe, annotation, "measurement/", (".tiff", ".tif"), "measurement")
    calibration, noise = contents.calibration_of(safe, annotation), contents.noise_of(safe, annotation)
    image = Image(safe, manifest, annotation, calibration, noise, measurement)
    if not safe.packed:
        with open_measurement(image):
            pass
    return image


def _scene(image: Image, placing: Placing) -> SceneFile:
    """Return the scene of an image in the UTM zone of `placing`, by default that of its centre. Raises InputError."""
    points, annotation, elevation = image.annotation.points, image.annotation, placing.elevation
    epsg = placing.epsg or utm_zone_of(points.longitude, points.latitude)
    ground = GridPoints.from_text(placing.ground) if placing.ground else points
    positions = positions_of(points, epsg, ground)
    if not positions.is_sane(image.posting_m):
        raise image.safe.fault(f"{annotation.file}: its geolocation grid folds over or tears in EPSG:{epsg}")
    outcome = terrain_of(annotation, elevation, image.safe.path) if elevation else ""
    terrain, without = (None, outcome) if isinstance(outcome, str) else (outcome, "")
    grid = grid_over(positions, annotation.lines, annotation.pixels, epsg, image.posting_m)
    if terrain:
        grid = _widen(grid, terrain.reach_m)
    if grid.rows * grid.cols > MAX_GRID_PIXELS:
        raise image.safe.fault(f"it would take {grid.cols} x {grid.rows} pixels on the map")
    extras = _extras(image)
    if terrain:
        extras |= {"geolocation": "terrain", "elevation_offset_m": f"{terrain.offset_m:.1f}"}
    elif without:
        extras |= {"terrain": without}
    return SceneFile(
        header=_header(image, grid, extras),
        blocks=lambda: blocks_of(image, grid, positions, terrain),
        projected=lambda other: _scene(image, other),
        ground=ground.as_text(),
    )


def _widen(grid: PixelGrid, reach_m: float) -> PixelGrid:
    more, posting = math.ceil(reach_m / grid.transform.a), grid.transform.a
    moved = grid.transform.translation(-more * posting, more * posting) @ grid.transform
    return PixelGrid(grid.epsg, moved, grid.rows + 2 * more, grid.cols + 2 * more)


def _extras(image: Image) -> dict[str, str]:
    annotation, manifest = image.annotation, image.manifest
    low, high = image.calibration.extent
    noise_low, noise_high = image.noise.across.extent
    heights = annotation.points.height_m
    removed = "by the processor" if annotation.noise_removed else "yes" if noise_high > 0 else "no, its table is empty"
    extras = {
        "product": image.safe.name,
        "processor": manifest.software,
        "start": annotation.start.isoformat(),
        "stop": annotation.stop.isoformat(),
        "swath": annotation.swath,
        "slice": annotation.slice_number,
        "range_spacing_m": f"{annotation.range_spacing_m:g}",
        "azimuth_spacing_m": f"{annotation.azimuth_spacing_m:g}",
        "incidence_mid_deg": f"{annotation.incidence_mid_deg:.3f}",
        "calibration_vectors": str(len(image.calibration.line)),
        "sigma_nought_table": f"{low:g} to {high:g}",
        "noise_vectors": str(len(image.noise.across.line)),
        "noise_table": f"{noise_low:g} to {noise_high:g}",
        "noise_removed": removed,
        "geolocation": "gcp",
        "grid_height_m": f"{heights.min():.0f} to {heights.max():.0f}",
    }
    if manifest.formula_track not in {None, manifest.track}:
        extras["track_by_formula"] = str(manifest.formula_track)
    return {name: value for name, value in extras.items() if value}


def _header(image: Image, grid: PixelGrid, extras: dict[str, str]) -> SceneHeader:
    annotation, manifest = image.annotation, image.manifest
    is_grdh = annotation.mode == "IW" and image.posting_m == GRDH_POSTING_M
    return SceneHeader(
        source_format=NAME,
        platform=manifest.platform,
        track=manifest.track,
        direction=annotation.direction,
        mode=annotation.mode,
        polarisation=annotation.polarisation,
        backscatter="sigma0",
        acquired_at=annotation.start,
        epsg=grid.epsg,
        transform=grid.transform,
        rows=grid.rows,
        cols=grid.cols,
        absolute_orbit=manifest.absolute_orbit,
        looks=GRDH_LOOKS if is_grdh else None,
        attribution=ATTRIBUTION,
        licence=LICENCE,
        extras=extras,
    )
