"""`deformation-places`: what a method shows on real fields, held against what is right there (real_fields.toml).

These fields were known when rules were set: this is a check, not an independent test. An area is false if the motion of
its field is known and it touches none of the expected places, if it is larger than its field allows, or if overlapping
frames exclude it (`lab.deformation.frames`). False areas on judged ground, which is all of a field with known motion
and the still ground that other frames judge, stand beside the number that each product expects of itself there.
"""

import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from shapely import Point

from ground_motion.core.errors import InputError
from ground_motion.methods.deformation.gridding.points import PointCloud, project
from ground_motion.methods.deformation.infer import flagged_areas
from ground_motion.methods.deformation.inputs import read_clusters
from ground_motion.methods.deformation.product import detect_product
from ground_motion.rasters.areas import CLASSES, SURE_SHARE, Area
from ground_motion.readers.records import Declaration
from ground_motion.runtime.methods import methods
from ground_motion.statistics.intervals import Interval, proportion
from lab.benchmark import Benchmark, over_seeds, scenes_sha256
from lab.deformation.frames import Verdict, frames_of, judge, judged_ground, km2
from lab.deformation.injected.places import MAPPINGS
from lab.deformation.injected.scenes import digest
from lab.real_data import folder
from lab.results import exact, poisson

NAME, VERSION = "deformation-places", "2"
TABLE = Path(__file__).with_suffix(".toml")
PEAK_WITHIN = 0.25  # A peak may be wrong by this share of itself.
NOT_SURE = "not_sure"
# Kinds of judged ground, by the entries of their fields.
GROUNDS = {"known": ("known",), "frames": ("group",), "judged": ("known", "group")}


class Shown(NamedTuple):
    """What a method shows of a field.

    km2: ground that it examines; track: the one with most points; expected: false areas that the product expects of
    itself, NaN unknown.
    """

    field: Mapping[str, Any]
    areas: list[Area]
    km2: float
    track: PointCloud
    expected: float = np.nan


def table() -> list[dict[str, Any]]:
    """Return what is right, by field."""
    fields: list[dict[str, Any]] = tomllib.loads(TABLE.read_text())["field"]
    return fields


def tracks_of(field: Mapping[str, Any]) -> list[PointCloud]:
    """Read the tracks of a field. Raises InputError if files are missing."""
    mapping = MAPPINGS / field["mapping"] if "mapping" in field else None
    files = sorted(path for pattern in field["files"] for path in folder().glob(pattern))
    if not files:
        raise InputError(folder() / field["files"][0], "there is no such file", "Fetch the real data of this field")
    tracks = []
    for path in files:
        with _without(path, field.get("without", ())) as kept:
            tracks += [track.points for track in read_clusters([kept], Declaration(mapping=mapping)).clusters[0]]
    return tracks


@contextmanager
def _without(path: Path, patterns: Sequence[str]) -> Iterator[Path]:
    """Yield a copy of a folder without some of its files, or the path itself if none are to be left out."""
    if not patterns:
        yield path
        return
    with tempfile.TemporaryDirectory() as at:
        yield shutil.copytree(path, Path(at) / path.name, ignore=shutil.ignore_patterns(*patterns))


def show(method: str, number: int) -> Shown | None:
    """Run a method on the field of a number; None, with the reason printed, where its data are missing."""
    field = table()[number]
    try:
        tracks = tracks_of(field)
    except InputError as fault:
        print(f"{field['name']}: left out, {fault}")
        return None
    result, null = detect_product(tracks, method)
    areas = [area for area, _ in flagged_areas(result, tracks)]
    examined_km2 = float(np.isfinite(result.maps.probability).sum() * (result.transform.a / 1000) ** 2)
    expected = null and null.expected_false_areas
    track = max(tracks, key=lambda track: track.x.size)
    return Shown(field, areas, examined_km2, track, np.nan if expected is None else expected)


def touching(areas: Iterable[Area], place: Mapping[str, Any], epsg: int) -> list[Area]:
    """Return the areas of the right sign within reach of an expected place, the fastest first."""
    at = project(np.array([place["longitude"]]), np.array([place["latitude"]]), np.zeros(1, np.float32), epsg=epsg)
    rises = place["peak_mm_yr"] > 0 if "peak_mm_yr" in place else place["rises"]
    near = Point(at.x[0], at.y[0]).buffer(place["within_m"])
    found = [area for area in areas if area.polygon.intersects(near) and (area.peak_rate_mm_yr > 0) == rises]
    return sorted(found, key=lambda area: -abs(_peak(area)))


def _peak(area: Area) -> float:
    """Return the rate that an area is reported with: that of its strongest place, else of its points."""
    return area.places[0].peak.value if area.places else area.peak_rate_mm_yr


def kind_of(area: Area) -> str:
    """Return the cause under which an area is shown."""
    sure = max(area.kinds.values(), default=0.0) >= SURE_SHARE
    return area.kind if sure and area.kind not in CLASSES else NOT_SURE


class Judged(NamedTuple):
    """Counts of one field.

    Attributes:
        found: Number of expected places that are shown, of n_expected.
        peaks: Number of places with the right peak, of n_peaks.
        kinds: Number of areas with an allowed name.
        confirmed: Number of areas that overlapping frames show.
        excluded: Number of areas that overlapping frames would show if these moved, and do not.
        false: Number of false areas, as the module defines them.
        within: Whether the number of areas and the largest one are within what is allowed.
        judged_km2: Size of the judged ground.
        expected_false: Number of false areas that the product expects of itself there, NaN unknown.
    """

    areas: int
    km2: float
    largest_km2: float
    n_expected: int
    found: int
    n_peaks: int
    peaks: int
    kinds: int
    confirmed: int
    excluded: int
    false: int
    within: bool
    judged_km2: float
    expected_false: float

    @property
    def right(self) -> bool:
        """Return whether all is as it should be."""
        whole = self.found == self.n_expected and self.peaks == self.n_peaks and self.kinds == self.areas
        return whole and self.within and not self.false


def judged(shown: Shown, others: Sequence[Shown]) -> Judged:
    """Compare a field with what is expected. others: overlapping frames, in the same plane."""
    field, areas, epsg = shown.field, shown.areas, shown.track.epsg
    expected = field.get("expected", ())
    near = [touching(areas, place, epsg) for place in expected]
    peaks = [(found, place["peak_mm_yr"]) for found, place in zip(near, expected, strict=True) if "peak_mm_yr" in place]
    right = [bool(found) and abs(_peak(found[0]) / peak - 1) <= PEAK_WITHIN for found, peak in peaks]
    wanted = {id(area) for found in near for area in found}
    max_km2 = field.get("max_area_km2", np.inf)
    own, *beside = frames_of([shown.track, *(other.track for other in others)])
    verdicts = [judge(area.polygon, own, beside) for area in areas]
    known = bool(field.get("known"))
    false = sum(
        (known and id(area) not in wanted) or area.area_m2 > max_km2 * 1e6 or verdict == Verdict.EXCLUDED
        for area, verdict in zip(areas, verdicts, strict=True)
    )
    judged_km2 = shown.km2 if known else min(shown.km2, km2(own, judged_ground(own, beside)))
    largest = max((area.area_m2 / 1e6 for area in areas), default=0.0)
    most = min(field.get("max_areas", np.inf), field.get("max_areas_per_1000km2", np.inf) * shown.km2 / 1000)
    return Judged(
        areas=len(areas),
        km2=shown.km2,
        largest_km2=largest,
        n_expected=len(expected),
        found=sum(map(bool, near)),
        n_peaks=len(peaks),
        peaks=sum(right),
        kinds=sum("kinds" not in field or kind_of(area) in field["kinds"] for area in areas),
        confirmed=verdicts.count(Verdict.CONFIRMED),
        excluded=verdicts.count(Verdict.EXCLUDED),
        false=false,
        within=len(areas) <= most and largest <= max_km2,
        judged_km2=judged_km2,
        expected_false=shown.expected * judged_km2 / shown.km2 if shown.km2 else np.nan,
    )


def figures_of(fields: Iterable[Shown | None]) -> dict[str, Interval]:
    """Return the figures of all fields together, then of each."""
    shown = [one for one in fields if one is not None]
    if not shown:
        raise InputError(folder(), "none of the fields is there", "Fetch the real data")
    verdicts: dict[str, Judged] = {}
    for one in shown:
        group = one.field.get("group")
        others = [other for other in shown if other is not one and group and other.field.get("group") == group]
        verdicts[one.field["name"]] = judged(one, others)

    def total(name: str, among: Iterable[str] = verdicts) -> float:
        return float(np.nansum([getattr(verdicts[field], name) for field in among]))

    metrics = {
        "false_areas_per_1000km2": poisson(int(total("false")), sum(one.km2 for one in shown)),
        "fields_right": exact(total("right")),
        "fields_right_share": proportion(int(total("right")), len(verdicts)),
    }
    for kind, entries in GROUNDS.items():
        names = [one.field["name"] for one in shown if any(map(one.field.get, entries))]
        metrics |= {
            **{f"{kind}_{name}": exact(total(name, names)) for name in ("areas", "confirmed", "excluded")},
            f"{kind}_km2": exact(total("judged_km2", names)),
            f"{kind}_false_areas": poisson(int(total("false", names)), 1000.0),
            f"{kind}_expected_false_areas": exact(total("expected_false", names)),
        }
    shares = {
        "places_found": ("found", "n_expected"),
        "peaks_right": ("peaks", "n_peaks"),
        "kinds_allowed": ("kinds", "areas"),
    }
    counts = {name: (int(total(part)), int(total(whole))) for name, (part, whole) in shares.items()}
    counts["areas_confirmed"] = int(total("confirmed")), int(total("confirmed") + total("excluded"))
    metrics |= {name: proportion(*count) for name, count in counts.items() if count[1]}
    for field, verdict in verdicts.items():
        metrics |= {f"{field}_{name}": exact(float(value)) for name, value in verdict._asdict().items()}
        metrics[f"{field}_right"] = exact(float(verdict.right))
    return metrics


def evaluate(method: str, size: int) -> dict[str, Interval]:
    """Run a method on the first fields of the table."""
    return figures_of(over_seeds(partial(show, method), min(size, len(table()))))


def truth_sha256(size: int) -> str:
    """Return the hash of the table and of the points of each field that is there."""
    digests = [TABLE.read_bytes()]
    for field in table()[:size]:
        try:
            digests += map(digest, tracks_of(field))
        except InputError:
            digests.append(b"missing")
    return scenes_sha256(VERSION, size, digests)


BENCHMARK = Benchmark(NAME, VERSION, len(table()), "fields", methods("deformation"), evaluate, truth_sha256)
