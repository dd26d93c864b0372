"""European Ground Motion Service L2a, L2b and L3, zip or csv, in the columns of every release so far.

Source: EGMS product description and format specification (Copernicus Land Monitoring Service). Values are mm and
mm/yr; LOS is positive toward the satellite; L3 is up or east. Columns are matched by name, never by position.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import Element, ParseError

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring as parse_xml
from pyproj import Transformer

from ingest.errors import InputError
from ingest.readers.records import Component, Direction, FieldHeader, Float64, PointBatch, VelocityField

EPSG = 3035
ATTRIBUTION = "European Ground Motion Service, © European Union, Copernicus Land Monitoring Service"
LICENCE = "Copernicus data: free, full and open, with attribution"
L3_POSTING_M = 100.0

# our name -> the names that releases have used
ALIASES = {
    "height_m": ("height_ortho", "height"),
    "rmse_mm": ("rmse_ts", "rmse"),
    "velocity_mm_yr": ("mean_velocity",),
    "velocity_std_mm_yr": ("mean_velocity_std",),
}
ALWAYS = ("pid", "easting", "northing", "mean_velocity")
LOS_VECTOR = ("los_east", "los_north", "los_up")
UNIT_VECTORS = {Component.LOS: (0.0, 0.0, 0.0), Component.UP: (0.0, 0.0, 1.0), Component.EAST: (1.0, 0.0, 0.0)}
DATE_NAME = re.compile(r"[12]\d{7}")
L2_NAME = re.compile(
    r"EGMS_(?P<level>L2[ab])_(?P<track>\d{3})_(?P<burst>\d{4})_IW(?P<swath>\d)_(?P<pol>[VH]{2})"
    r"(?:_(?P<release>\d{4}_\d{4}_\w+))?"
)
L3_NAME = re.compile(r"EGMS_L3_(?P<tile>E\d+N\d+)_100km_(?P<component>[UE])(?:_(?P<release>\d{4}_\d{4}_\w+))?")

MAX_UNPACKED_BYTES = 60 * 2**30  # a whole burst of 300 dates is about 3 GB
MAX_RATIO = 200  # digits pack about 1:5; far more is a bomb
BLOCK_BYTES = 16 * 2**20


def read(path: Path) -> VelocityField:
    """Read the header of an EGMS file; its points follow in batches. Raises InputError."""
    with _csv_stream(path) as stream:
        names, delimiter = _column_names(path, stream)
    xml = _xml_header(path)
    dates = _dates(path, names)
    _require(path, names, ALWAYS)
    level, component = _level_and_component(path, names)
    if component is Component.LOS:
        _require(path, names, (*LOS_VECTOR, "latitude", "longitude"))
    first = next(_batches(path, names, delimiter, dates, component, block_bytes=2**20), None)
    if first is None:
        raise InputError(path, "the table has a header and no rows", "Download it again")
    name = L2_NAME.match(path.name) or L3_NAME.match(path.name)
    groups = name.groupdict() if name else {}
    track = xml.get("track") or groups.get("track")
    header = FieldHeader(
        source_format="egms",
        level=level,
        component=component,
        dates=dates,
        track=int(track) if track and track.isdigit() else None,
        direction=Direction.from_los_east(first.los_east) if component is Component.LOS else Direction.UNKNOWN,
        burst=xml.get("burst_id") or groups.get("burst") or groups.get("tile") or "",
        polarisation=groups.get("pol") or "",
        release=groups.get("release") or "",
        posting_m=L3_POSTING_M if level == "L3" else None,
        grid_epsg=EPSG,
        simulated=xml.get("simulated") == "true",
        attribution="Simulated data" if xml.get("simulated") == "true" else ATTRIBUTION,
        licence="" if xml.get("simulated") == "true" else LICENCE,
        extras={key: value for key, value in xml.items() if key != "simulated"},
    )
    return VelocityField(header, lambda: _batches(path, names, delimiter, dates, component))


@contextmanager
def _csv_stream(path: Path) -> Iterator[IO[bytes]]:
    """Open the table, inside its zip where there is one; faults of the container become InputError."""
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive, archive.open(_member(path, archive, ".csv")) as stream:
                yield stream
        else:
            with path.open("rb") as stream:
                yield stream
    except (zipfile.BadZipFile, zlib.error, EOFError) as fault:
        raise InputError(path, f"the zip file is damaged ({fault})", "Download it again") from fault


def _member(path: Path, archive: zipfile.ZipFile, suffix: str) -> zipfile.ZipInfo:
    members = [info for info in archive.infolist() if info.filename.lower().endswith(suffix)]
    if len(members) != 1:
        raise InputError(
            path, f"the zip holds {len(members)} {suffix} files where one is expected", "Give one EGMS product per zip"
        )
    info = members[0]
    if info.file_size > MAX_UNPACKED_BYTES or info.file_size > MAX_RATIO * max(info.compress_size, 1):
        raise InputError(
            path, f"{info.filename} would unpack to {info.file_size:,} bytes", "Check where this file comes from"
        )
    if info.flag_bits & 0x1:
        raise InputError(path, f"{info.filename} is encrypted", "Give the zip as it was downloaded")
    return info


def _xml_header(path: Path) -> dict[str, str]:
    """The leaves directly under the root of the product's XML; empty where there is no XML."""
    if path.suffix.lower() != ".zip":
        return {}
    with zipfile.ZipFile(path) as archive:
        if not any(name.lower().endswith(".xml") for name in archive.namelist()):
            return {}
        try:
            root: Element = parse_xml(archive.read(_member(path, archive, ".xml")), forbid_dtd=True)
        except (ParseError, DefusedXmlException, zipfile.BadZipFile, zlib.error, EOFError) as fault:
            raise InputError(path, f"its XML header cannot be read ({fault})", "Download it again") from fault
    return {child.tag: (child.text or "").strip() for child in root if len(child) == 0}


def _column_names(path: Path, stream: IO[bytes]) -> tuple[list[str], str]:
    line = stream.readline(2**20).decode("utf-8-sig", errors="replace").strip()
    if not line:
        raise InputError(path, "the table is empty", "Download it again")
    delimiter = ";" if line.count(";") > line.count(",") else ","
    names = [name.strip().strip('"') for name in line.split(delimiter)]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(path, f"column {doubled[0]!r} stands twice", "Remove one of the two")
    return names, delimiter


def _dates(path: Path, names: list[str]) -> tuple[date, ...]:
    texts = [name for name in names if DATE_NAME.fullmatch(name)]
    try:
        dates = tuple(datetime.strptime(text, "%Y%m%d").date() for text in texts)  # noqa: DTZ007 (a day, no time zone)
    except ValueError as fault:
        raise InputError(path, f"a date column is no date ({fault})", "Name date columns YYYYMMDD") from fault
    if len(dates) < 2:
        raise InputError(
            path, f"{len(dates)} date columns (YYYYMMDD) were found", "Give an EGMS file with its time series"
        )
    if any(later <= earlier for earlier, later in pairwise(dates)):
        raise InputError(path, "the date columns are not in order", "Sort them by date")
    return dates


def _require(path: Path, names: list[str], required: tuple[str, ...]) -> None:
    missing = [name for name in required if name not in names]
    if missing:
        raise InputError(
            path, f"column {missing[0]!r} is missing", "Give the table as EGMS publishes it, with all columns"
        )


def _level_and_component(path: Path, names: list[str]) -> tuple[str, Component]:
    if "los_east" in names:
        name = L2_NAME.match(path.name)
        return (name["level"] if name else ("L2a" if "cluster_label" in names else "L2b")), Component.LOS
    if "latitude" in names or "track_angle" in names:  # a level 2 table that lost its line of sight
        raise InputError(path, "column 'los_east' is missing", "Give the table as EGMS publishes it, with all columns")
    name = L3_NAME.match(path.name)
    if name is None:
        raise InputError(
            path,
            "an L3 table does not say whether it is vertical or east-west, only its file name does",
            "Keep the published name, EGMS_L3_E..N.._100km_U|E_..",
        )
    return "L3", Component.UP if name["component"] == "U" else Component.EAST


def _batches(
    path: Path,
    names: list[str],
    delimiter: str,
    dates: tuple[date, ...],
    component: Component,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[PointBatch]:
    date_names = [day.strftime("%Y%m%d") for day in dates]
    wanted = [name for name in _wanted_columns() if name in names]
    types: dict[str, Any] = {name: pa.float32() for name in (*wanted, *date_names)}
    types |= {name: pa.float64() for name in ("latitude", "longitude", "easting", "northing") if name in names}
    types["pid"] = pa.binary()
    convert = pa_csv.ConvertOptions(column_types=types, include_columns=["pid", *wanted, *date_names])
    with _csv_stream(path) as stream:
        stream.readline()
        options = pa_csv.ReadOptions(column_names=names, block_size=block_bytes, use_threads=True)
        try:
            reader = pa_csv.open_csv(_Unclosed(stream), options, pa_csv.ParseOptions(delimiter=delimiter), convert)
            for table in reader:
                yield _batch(path, table, date_names, component)
        except (pa.ArrowInvalid, pa.ArrowKeyError) as fault:
            if "Empty CSV" in str(fault):
                return
            raise InputError(
                path, f"the table cannot be read ({str(fault).splitlines()[0]})", "Download it again"
            ) from fault


class _Unclosed(io.RawIOBase):
    """Lend a stream to a reader that would close it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size)


def _wanted_columns() -> list[str]:
    aliases = [alias for group in ALIASES.values() for alias in group]
    return [*aliases, "temporal_coherence", *LOS_VECTOR, "latitude", "longitude", "easting", "northing"]


def _batch(path: Path, table: pa.RecordBatch, date_names: list[str], component: Component) -> PointBatch:
    rows = table.num_rows
    names = set(table.schema.names)

    def column(*aliases: str) -> Any:
        name = next((alias for alias in aliases if alias in names), None)
        if name is None:
            return np.full(rows, np.nan, dtype=np.float32)
        return table.column(name).to_numpy(zero_copy_only=False)

    easting, northing = column("easting"), column("northing")
    if "longitude" in names:
        longitude, latitude = column("longitude"), column("latitude")
        _check_positions(path, longitude, latitude, easting, northing)
    else:
        longitude, latitude = _geographic(easting, northing)
    velocity = column(*ALIASES["velocity_mm_yr"])
    displacement = np.column_stack([column(name) for name in date_names]).astype(np.float32, copy=False)
    good = np.isfinite(longitude) & np.isfinite(latitude) & np.isfinite(velocity)
    displacement[~np.isfinite(displacement)] = np.nan
    los_east, los_north, los_up = (
        column(name) if component is Component.LOS else np.full(rows, part, dtype=np.float32)
        for name, part in zip(LOS_VECTOR, UNIT_VECTORS[component], strict=True)
    )
    pid = np.asarray(table.column("pid").to_pylist(), dtype=np.bytes_)
    batch = PointBatch(
        pid, longitude, latitude, column(*ALIASES["height_m"]), velocity, column(*ALIASES["velocity_std_mm_yr"]),
        column("temporal_coherence"), column(*ALIASES["rmse_mm"]), los_east, los_north, los_up, displacement,
    )  # fmt: skip
    return batch if good.all() else batch.only(good)


def _geographic(easting: Float64, northing: Float64) -> tuple[Float64, Float64]:
    longitude, latitude = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(easting, northing)
    longitude[~np.isfinite(longitude)] = np.nan
    return longitude, latitude


def _check_positions(path: Path, longitude: Float64, latitude: Float64, easting: Float64, northing: Float64) -> None:
    """The two kinds of coordinates must name the same place: this catches a swap and a wrong reference system."""
    sample = np.flatnonzero(np.isfinite(longitude + latitude + easting + northing))[:200]
    there = _geographic(easting[sample], northing[sample])
    apart_deg = np.hypot(there[0] - longitude[sample], there[1] - latitude[sample])
    if sample.size and not np.nanmax(apart_deg) < 0.005:
        raise InputError(
            path,
            "longitude and latitude do not agree with easting and northing (EPSG:3035)",
            "Check whether latitude and longitude are swapped, or the table was re-projected",
        )
