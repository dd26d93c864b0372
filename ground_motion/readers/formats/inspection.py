"""Report what a file is taken for and what stands in it, before anything is loaded. Does not use Django.

Everything is plain values that JSON can hold. A refusal is part of the answer. What nobody has declared is asked for
(`missing`) and never guessed: until then, velocities are reported as the file's own numbers.
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from shapely import get_coordinates

from ground_motion.core.errors import InputError, Undeclared, first_names, printable
from ground_motion.core.files import names_in
from ground_motion.core.pixel_grids import footprint_of
from ground_motion.readers import gate, hdf5
from ground_motion.readers.formats import registry
from ground_motion.readers.formats.registry import open_velocity_fields as open_fields
from ground_motion.readers.images.scenes import SceneFile
from ground_motion.readers.raster import MM_PER_UNIT, SIGNS
from ground_motion.readers.records import Declaration, Float32, Float64, VelocityField
from ground_motion.readers.tables import columns, generic, mapping, text_table
from ground_motion.readers.vectors.packages import names_in_zip

MAP_ROWS, MAP_COLS, BINS = 24, 48, 24
MAX_KEPT = 2_000_000  # The map and the histogram are drawn of at most this number of points.
MAX_PIXELS = 2_000_000
FIRST_ROWS, MAX_COLUMNS, MAX_CELL = 6, 40, 24  # A table is shown up to these; cells in letters.
# These stand for what is not declared, so that the file can be read; nothing that follows from them is reported.
STAND_INS: dict[str, Any] = {"unit": "mm/yr", "positive": "toward", "period": (date(2000, 1, 1), date(2001, 1, 1))}


def inspect(path: Path, source_format: str = "auto", declared: Declaration | None = None) -> dict[str, Any]:
    """Return what a file or folder is taken for and why, its parts, what is missing, and why it is refused."""
    declared = replace(declared or Declaration(), needs_period=True)
    report: dict[str, Any] = {"name": path.name, "missing": [], "parts": [], "refused": ""}
    try:
        name = registry.recognise(path, declared)
        name = name if source_format == "auto" else source_format
        report |= {"format": name, "title": registry.TITLES[name], "reason": _evidence(path, declared)}
        if name in registry.SCENE_READERS:
            report["kind"] = "image"
            report["parts"] = [_image(scene) for scene in registry.open_scenes(path, source_format, declared)]
        elif name in registry.STATION_READERS:
            report |= {"kind": "stations", "parts": [_stations(registry.open_stations(path, source_format, declared))]}
        else:
            report["kind"] = "velocities"
            for field in _fields(path, source_format, declared, report["missing"]):
                report["parts"].append(_velocities(path, field, declared, report["missing"], name in registry.GENERAL))
                if field.is_pair:
                    report["kind"] = "pair of images"
    except InputError as fault:
        report["refused"] = f"{fault.problem}. {fault.remedy}."
        report["missing"] = [*fault.missing]
    with suppress(InputError):
        report |= {"table": _table(path)} if report["missing"] else {}
    return report


def _table(path: Path) -> dict[str, object]:
    """Return the first columns and rows of a table as texts, and what their names say they hold. Raises InputError."""
    source = generic.source_of(path)
    names = [*source.names][:MAX_COLUMNS]
    batch = next(iter(source.batches(dict.fromkeys(names, pa.string()), columns.FEW_ROWS)))
    moves = [name for name in names if mapping.velocity_of(name)]
    roles = mapping.columns_by_alias(names) | ({"velocity": moves[0]} if len(moves) == 1 else {})
    rows = zip(*(batch.column(name).slice(0, FIRST_ROWS).to_pylist() for name in names), strict=True)
    shown = [["" if cell is None else str(cell)[:MAX_CELL] for cell in row] for row in rows]
    return {"names": names, "rows": shown, "roles": roles}


def _fields(path: Path, source_format: str, declared: Declaration, missing: list[str]) -> tuple[VelocityField, ...]:
    """Open velocities with placeholders for undeclared facts, whose names are added to `missing`."""
    while True:
        stood_in = {name: STAND_INS[name] for name in missing}
        try:
            fields = open_fields(path, source_format, replace(declared, **stood_in))
        except Undeclared as lacking:
            if not {*lacking.missing} - {*missing}:
                raise
            missing += [name for name in lacking.missing if name not in missing]
        else:
            if not all(field.header.dates for field in fields):
                missing.append("period")
            return fields


def _evidence(path: Path, declared: Declaration) -> str:
    """Return by what a path was recognised: names of files, datasets or columns."""
    with suppress(InputError):
        if path.is_dir() or path.suffix.lower() == ".zip":
            return f"its files {first_names(names_in(path) if path.is_dir() else names_in_zip(path))}"
        if hdf5.is_hdf5(path):
            with hdf5.open_file(path) as file:
                return f"its datasets {first_names(list(file))}"
        if path.suffix.lower() in text_table.SUFFIXES:
            named = mapping.mapping_of(declared.mapping).columns.values()
            return f"its columns {first_names(list(text_table.table_of(path, named).names))}"
    return f"its content, and its name {printable(path.name)}"


def _velocities(
    path: Path, field: VelocityField, declared: Declaration, missing: list[str], general: bool
) -> dict[str, Any]:
    header, scale = field.header, field.stated.velocity_scale
    kept, sides = _Kept(), set[bool]()
    reasons: Counter[str] = Counter()
    for batch in field.batches():
        gate.check_loadable(path, batch, sides)
        reasons.update(row.reason for row in batch.refused)
        kept.add(batch.longitude, batch.latitude, batch.velocity_mm_yr)
    unit = next((unit for unit, factor in MM_PER_UNIT.items() if np.isclose(factor, abs(scale))), "mm/yr")
    stated = "declared in the mapping" if declared.mapping else "stated in the file"
    own = "by the definition of the product, converted here"
    facts = {
        "unit": (declared.unit, "declared") if declared.unit else (unit, stated),
        "positive": (declared.positive, "declared")
        if declared.positive
        else (SIGNS[header.component][scale < 0], stated),
        "period": (_span(header.dates), "declared" if declared.period and not header.has_series else stated),
    }
    if not general:
        facts |= {"unit": ("mm/yr", own), "positive": (SIGNS[header.component][0], own)}
    return {
        "component": "" if "positive" in missing else header.component.value,
        "points": kept.points,
        "dates": len(header.dates) if header.has_series else 0,
        "facts": [[name, *fact] for name, fact in facts.items() if name not in missing],
        "track": header.track,
        "direction": header.direction.value,
        "changes": list(field.changes),
        "left_out": [[reason, count] for reason, count in reasons.most_common()],
        "values_in": "" if "unit" in missing else "mm/yr",
        **kept.drawn(),
    }


def _image(scene: SceneFile) -> dict[str, Any]:
    header, kept, pixels = scene.header, _Kept(), 0
    for block in scene.blocks():
        power = block.power[block.power > 0]
        nowhere = np.full(power.size, np.nan)
        kept.add(nowhere, nowhere, 10 * np.log10(power))
        pixels += block.power.size
        if pixels >= MAX_PIXELS:
            break
    facts = {name: str(getattr(header, name)) for name in ("platform", "mode", "track", "direction", "polarisation")}
    facts |= {"acquired": f"{header.acquired_at:%Y-%m-%d %H:%M:%S} UTC", "size": f"{header.rows} x {header.cols} px"}
    outline = get_coordinates(footprint_of(header.pixel_grid))
    return {
        "facts": [[name, value, "stated in the file"] for name, value in facts.items() if value],
        "values_in": "dB",
        "extent": _extent(_unbroken(outline[:, 0]), outline[:, 1]),
        **kept.drawn(),
    }


def _stations(series: Iterable[Any]) -> dict[str, Any]:
    every = list(series)
    kept, days = _Kept(), sorted({day for station in every for day in (station.dates[0], station.dates[-1])})
    places = np.array([(station.longitude, station.latitude) for station in every])
    kept.add(places[:, 0], places[:, 1], np.full(len(every), np.nan, dtype=np.float32))
    facts = {"series": first_names([station.code for station in every]), "period": _span(days)}
    return {"points": len(every), "facts": [[*fact, "stated in the file"] for fact in facts.items()], **kept.drawn()}


def _span(days: Iterable[date]) -> str:
    known = list(days)
    return f"{known[0]} to {known[-1]}" if known else ""


class _Kept:
    """Points for the map and the histogram: all of them, or every second, fourth, … of very many."""

    def __init__(self) -> None:
        self.points, self.step, self.parts = 0, 1, list[NDArray[np.float32]]()

    def add(self, longitude: Float64, latitude: Float64, value: Float32) -> None:
        """Keep points, (n,) each; halve what is kept where it becomes too many."""
        self.points += value.size
        columns = np.column_stack([longitude, latitude, value]).astype(np.float32)
        self.parts.append(columns[:: self.step])
        while sum(map(len, self.parts)) > MAX_KEPT:
            self.step, self.parts = 2 * self.step, [part[::2] for part in self.parts]

    def drawn(self) -> dict[str, Any]:
        """Return extent, map (counts by row from north and column), five numbers and histogram of the values."""
        longitude, latitude, value = np.concatenate(self.parts or [np.empty((0, 3), np.float32)]).T.astype(float)
        report: dict[str, Any] = {}
        if np.isfinite(longitude).any():
            longitude, latitude = _unbroken(longitude), latitude[np.isfinite(latitude)]
            report["extent"] = _extent(longitude, latitude)
            counts = np.histogram2d(latitude, longitude, bins=(MAP_ROWS, MAP_COLS))[0]
            report["map"] = counts[::-1].astype(int).tolist()
        value = value[np.isfinite(value)]
        if value.size:
            low, *_, high = ends = np.percentile(value, [0.5, 5, 50, 95, 99.5])
            counts, edges = np.histogram(np.clip(value, low, high), bins=BINS, range=(low, high + 1e-6))
            report["values"] = [float(f"{number:.4g}") for number in (value.min(), *ends[1:4], value.max())]
            report["histogram"] = {"counts": counts.tolist(), "edges": [float(f"{edge:.4g}") for edge in edges]}
        return report


def _unbroken(longitude: Float64) -> Float64:
    """Return finite longitudes, degrees, beyond 180 where the points lie on both sides of it."""
    longitude = longitude[np.isfinite(longitude)]
    turned = np.where(longitude < 0, longitude + 360, longitude)
    return turned if np.ptp(turned) < np.ptp(longitude) else longitude


def _extent(longitude: Float64, latitude: Float64) -> list[float]:
    """Return west, south, east, north, degrees."""
    edges = longitude.min(), latitude.min(), longitude.max(), latitude.max()
    return [round(float(edge), 5) for edge in edges]
