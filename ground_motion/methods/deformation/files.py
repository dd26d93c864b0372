"""Moving areas in velocity products: from files to a probability raster and outlines (`python -m ml deformation`)."""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from shapely import MultiPolygon, Polygon
from shapely.geometry import mapping

from ground_motion.core.areas import area_of
from ground_motion.core.files import files_sha256
from ground_motion.core.rasters import write_cog
from ground_motion.methods.deformation import DeformationMethod
from ground_motion.methods.deformation.decision import as_strong
from ground_motion.methods.deformation.filters.still import assumption
from ground_motion.methods.deformation.infer import DeformationResult, flagged_areas
from ground_motion.methods.deformation.inputs import read_clusters
from ground_motion.methods.deformation.product import Null, detect_product
from ground_motion.methods.deformation.wide.search import Track, wide_regions
from ground_motion.rasters.areas import (
    SURE_SHARE,
    Area,
    Place,
    SortedPoints,
    count_within,
    place_as_dict,
    to_geographic,
)
from ground_motion.rasters.results import require_outputs
from ground_motion.readers.records import Declaration, Reference
from ground_motion.runtime.device import choose_device
from ground_motion.runtime.progress import progress_bar
from ground_motion.statistics.reasons import reach_of, track_reason


def run(args: argparse.Namespace) -> int:
    """Detect moving areas, write the files, print a summary. Raises InputError or ValueError for unusable input."""
    require_outputs(raster=args.out, areas=args.areas, picture=args.quicklook)
    device, started = choose_device(args.device), time.monotonic()
    declared = Declaration(mapping=args.mapping, unit=args.unit, positive=args.positive)
    with progress_bar("reading"):
        read = read_clusters(args.inputs, declared)
    tags = tags_of(args.inputs, read.files, args.method)
    rasters: list[Path] = []
    features: list[dict[str, Any]] = []
    expected: list[str] = []
    points = 0
    for number, tracks in enumerate(read.clusters, start=1):
        clouds = [track.points for track in tracks]
        with progress_bar("deformation"):
            result, null = detect_product(clouds, args.method, device)
        expected += [null.sentence()] if null else []
        rasters.append(_number_file(args.out, number))
        write_cog(rasters[-1], result.bands(), result.transform, result.epsg, result.units(), tags)
        if args.quicklook:
            from ground_motion.rasters.quicklook import draw  # Matplotlib takes a second.

            picture = _number_file(args.quicklook, number)
            draw(picture, result.bands(), result.transform, result.epsg, tags["model_version"])
        if args.reference:
            tracks = [track._replace(reference=Reference(args.reference)) for track in tracks]
        if args.areas:
            before = max((feature["properties"].get("region", 0) for feature in features), default=0)
            features += features_of(result, tracks, before, null)
        points += sum(cloud.x.size for cloud in clouds)
    areas_note = f", {write_areas(args.areas, features)} areas -> {args.areas}" if args.areas else ""
    seconds, names = time.monotonic() - started, ", ".join(path.name for path in args.inputs)
    written = ", ".join(map(str, rasters))
    print(f"{names}: {points:,} points, {args.method} on {device}, {seconds:.1f} s -> {written}{areas_note}")
    if len(rasters) > 1:
        print(f"The points lie in {len(rasters)} places far apart: each has a raster in a system of its own.")
    print("".join(f"{line}\n" for line in [*expected, *read.changes]), end="")
    return 0


def _number_file(path: Path, number: int) -> Path:
    """Return the file of the points' place of this number, which counts from 1."""
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


def tags_of(inputs: Sequence[Path], files: Sequence[Path], method: str) -> dict[str, str]:
    """Return the tags by which a result can be traced. inputs: as given; files: those that were read."""
    row = DeformationMethod.find(method)
    tags = {
        "method": method,
        "model_version": f"{method} {row.version}",
        "input_sha256": files_sha256(files),
        "input_name": ", ".join(path.name for path in inputs),
        "sign": "positive toward the satellite (or up, or east)",
    }
    if card := row.card():
        tags["weights_sha256"] = card.weights_sha256
    return tags


def write_areas(path: Path, features: Sequence[dict[str, Any]]) -> int:
    """Write features as GeoJSON; return their number without the places inside areas."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    partial.replace(path)
    return sum(feature["properties"]["extent"] != "place" for feature in features)


def features_of(
    result: DeformationResult, tracks: Sequence[Track], before: int = 0, null: Null | None = None
) -> list[dict[str, Any]]:
    """Return the areas, places and wide regions of a cluster; areas state its null.

    before: numbers of regions taken by other clusters.
    """
    flagged = flagged_areas(result, [track.points for track in tracks])
    areas = [(area._replace(region=before + area.region), n_points) for area, n_points in flagged]
    held = {track.name: SortedPoints(*track.points[:3]) for track in tracks}
    stated = null.as_dict() if null else {}
    features = [_feature(area, n_points, result, held, stated) for area, n_points in areas]
    several = [(area, place) for area, _ in areas if len(area.places) > 1 for place in area.places]
    features += [_feature_of_place(area, place, result, held) for area, place in several]
    for region in wide_regions(tracks, [area.polygon for area, _ in areas]):
        feature = region.feature(result.epsg)
        feature["properties"]["n_points"] = count_within(region.region.outline, held.values())
        features.append(feature)
    return features


def _feature(
    area: Area, n_points: int, result: DeformationResult, tracks: Mapping[str, SortedPoints], null: Mapping[str, Any]
) -> dict[str, Any]:
    epsg = result.epsg
    _, far_m = reach_of(area.polygon)
    reasons = [
        track_reason(name, area.polygon, *points.near(area.polygon, far_m)).as_dict() for name, points in tracks.items()
    ]
    return {
        "type": "Feature",
        "geometry": mapping(to_geographic(area.polygon, epsg)),
        "properties": {
            "class": area.kind,
            "extent": "local",
            "score": round(area.score, 4),
            "false_areas_as_strong": as_strong(null, area.score),
            "rate_mm_yr": round(area.rate_mm_yr, 2),
            "peak_rate_mm_yr": round(area.peak_rate_mm_yr, 2),
            "area_m2": _ground_m2(area.polygon, epsg),
            "n_points": n_points,
            "region": area.region,
            "assumes": assumption(result.still_share),
            **_strongest(area, epsg),
            "places": [place_as_dict(place, epsg) for place in area.places],
            "class_shares": _round(area.kinds),
            "class_sure": max(area.kinds.values(), default=0.0) >= SURE_SHARE,
            "core_class_shares": _round(area.core_kinds),
            "rim_class_shares": _round(area.rim_kinds),
            "reasons": reasons,
            **({"null": null} if null else {}),
        },
    }


def _feature_of_place(
    area: Area, place: Place, result: DeformationResult, tracks: Mapping[str, SortedPoints]
) -> dict[str, Any]:
    """Return one place of an area as a feature; its outline is ground that moves at half of the peak or more."""
    measured = place_as_dict(place, result.epsg)
    inside = [points.rates_within(place.half) for points in tracks.values()]
    against = zip(inside, result.maps.backgrounds_mm_yr, strict=True)
    rates = [float(np.median(rates)) - background_mm_yr for rates, background_mm_yr in against if rates.size]
    fastest: float = max(rates, key=abs, default=place.peak.value)
    return {
        "type": "Feature",
        "geometry": measured["half"],
        "properties": {
            "class": area.kind,
            "extent": "place",
            "score": round(area.score, 4),
            "rate_mm_yr": round(fastest, 2),
            **{name: value for name, value in measured.items() if name.endswith("mm_yr")},
            "area_m2": _ground_m2(place.half, result.epsg),
            "core_area_m2": _ground_m2(place.core, result.epsg),
            "n_points": sum(rate.size for rate in inside),
            "region": area.region,
        },
    }


def _round(shares: Mapping[str, float]) -> dict[str, float]:
    return {name: round(share, 3) for name, share in shares.items()}


def _ground_m2(outline: Polygon | MultiPolygon, epsg: int) -> int:
    """Return the area of an outline on the ellipsoid, m², because areas on a map may be larger or smaller."""
    return round(area_of(to_geographic(outline, epsg)))


def _strongest(area: Area, epsg: int) -> dict[str, float | None]:
    """Return the figures of an area's strongest place; None for each if too few points measured one."""
    if not area.places:
        return dict.fromkeys(("peak_low_mm_yr", "peak_high_mm_yr", "half_area_m2", "core_area_m2"))
    place = area.places[0]
    return {
        "peak_low_mm_yr": round(place.peak.low, 2),
        "peak_high_mm_yr": round(place.peak.high, 2),
        "half_area_m2": _ground_m2(place.half, epsg),
        "core_area_m2": _ground_m2(place.core, epsg),
    }
