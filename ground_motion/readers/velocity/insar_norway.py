"""InSAR Norway: the table that its web map exports for a drawn area.

Source: insar.ngu.no, made by NGU, NVE and the Norwegian Space Agency. mm and mm/yr, LOS, positive toward the satellite,
so no sign is changed here. Names are matched without case, spaces and underscores, because exports differ in these.
"""

import re
from functools import partial
from pathlib import Path

from ground_motion.core.errors import InputError
from ground_motion.readers import gate, records
from ground_motion.readers.tables import columns, generic, mapping, text_table
from ground_motion.readers.tables.columns import Plan

NAME = "insar-norway"
TITLE = "InSAR Norway"
ORDER = 70
SUFFIXES = text_table.SUFFIXES
ATTRIBUTION = "InSAR Norway, © Geological Survey of Norway (NGU), NVE, Norwegian Space Agency"
LICENCE = ""  # The file does not state its licence (--licence).
NAMES = {
    "pid": "pointid",
    "longitude": "longitude",
    "latitude": "latitude",
    "height": "height",
    "velocity": "meanvelocity",
    "temporal_coherence": "temporalcoherence",
    "los_east": "loseast",
    "los_north": "losnorth",
    "los_up": "losup",
}
OPTIONAL = {"height", "temporal_coherence"}
SAME = ("dataset", "track")
TELLING = {"pointid", "track", "meanvelocity", "temporalcoherence", "verticalvelocity", "amplitudedispersion", "losup"}
REMEDY = "Give the table as InSAR Norway exports it, with all columns"
NORWAY = (-10.0, 57.0, 36.0, 82.0)  # west, south, east, north: with Jan Mayen and Svalbard


def recognises(path: Path) -> bool:
    """Return whether a table has the column Dataset and most others of an export; `read` reports missing ones."""
    names = {mapping.plain(name) for name in text_table.header_names(path)}
    return "dataset" in names and len(TELLING & names) >= 4


def read(path: Path, declared: records.Declaration) -> tuple[records.VelocityField, ...]:
    """Read the header of an export; points are read later, in batches. Raises InputError, also for several tracks."""
    source = generic.csv_source(path)
    plan = _plan(path, source.names)
    first = columns.first_points(path, source, plan)
    if plan.dates and "velocity" in plan.columns:
        columns.check_rates(path, first, tuple(plan.dates.values()))
    _check_place(path, first)
    # Later rows are checked against the data set and the track of the first row when they are read.
    row = next(source.batches(dict.fromkeys(plan.same, columns.TEXT), columns.FEW_ROWS))
    dataset, track_text = (columns.printable(row.column(name)[0].as_py() or b"") for name in plan.same)
    number = re.fullmatch(r"[A-Za-z]{0,4}[ _-]?(\d{1,3})[A-Za-z]?", track_text)
    stated = int(number[1]) if number else None
    header = records.FieldHeader(
        source_format=NAME,
        level="export",
        component=records.Component.LOS,
        dates=tuple(plan.dates.values()),
        has_series=bool(plan.dates),
        track=gate.agree(path, "track", {"--track": declared.track, "column Track": stated}),
        direction=records.Direction.from_los_east(first.los_east),
        attribution=ATTRIBUTION,  # There is no tile, because every export has the outline that its user drew.
        licence=LICENCE,
        extras={"dataset": dataset[:200], "track": track_text[:60]},
    )
    points = partial(columns.points, path, source, plan)
    return (records.VelocityField(header=header, batches=points, stated=records.Stated(unique_ids=False)),)


def _plan(path: Path, names: list[str]) -> Plan:
    of_plain: dict[str, str] = {}
    for name in names:
        if of_plain.setdefault(mapping.plain(name), name) != name and mapping.plain(name) in {*NAMES.values(), *SAME}:
            raise InputError(path, f"columns {of_plain[mapping.plain(name)]!r} and {name!r} are the same", "Remove one")
    text_table.require(path, [*of_plain], [*(NAMES[role] for role in NAMES if role not in OPTIONAL), *SAME], REMEDY)
    dates = text_table.date_columns(path, names)
    if len(dates) == 1:
        raise InputError(path, "one date is not a series", REMEDY)
    return Plan(
        columns={role: of_plain[name] for role, name in NAMES.items() if name in of_plain},
        dates=dates,
        component=records.Component.LOS,
        velocity_factor=1.0,  # file: mm/yr, positive toward the satellite; ours: the same
        series_factor=1.0,
        same=tuple(of_plain[name] for name in SAME),
    )


def _check_place(path: Path, first: records.PointBatch) -> None:
    west, south, east, north = NORWAY
    inside = (first.longitude >= west) & (first.longitude <= east)
    inside &= (first.latitude >= south) & (first.latitude <= north)
    if not inside.all():
        place = f"longitude {first.longitude[~inside][0]:.4f}, latitude {first.latitude[~inside][0]:.4f}"
        raise InputError(path, f"{place} is not in Norway", "Check whether latitude and longitude are swapped")
