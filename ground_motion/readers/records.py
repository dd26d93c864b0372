"""Typed records that every reader yields, already converted to the project's units and signs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.core.pixel_grids import PixelGrid

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

UNIT_SQUARE_WITHIN = 0.05  # Tables round the three parts to two or three decimals.
MAX_NAME_LENGTH = 200  # This many letters of a point's id are shown.


class Component(StrEnum):
    """Component of motion that a product gives. Positive is toward the satellite (LOS), up, east or north."""

    LOS = "los"
    UP = "up"
    EAST = "east"
    NORTH = "north"


UNIT_VECTORS = {Component.UP: (0.0, 0.0, 1.0), Component.EAST: (1.0, 0.0, 0.0), Component.NORTH: (0.0, 1.0, 0.0)}


class Reference(StrEnum):
    """Zero of a product's rates: absolute (GNSS stations), or LOCAL: a point or the mean of the scene is still."""

    GNSS = "gnss"
    LOCAL = "local"


class Technique(StrEnum):
    """Way of measuring motion: by radar phase (mm), or by tracking features between two images (metres)."""

    INSAR = "insar"
    TRACKING = "tracking"


class Direction(StrEnum):
    """Flight direction of the satellite; empty where the file does not state it."""

    ASCENDING = "ascending"
    DESCENDING = "descending"
    UNKNOWN = ""

    @classmethod
    def from_letter(cls, text: str) -> "Direction":
        """Return the direction whose name begins with the first letter of a text, in any case."""
        return {"a": cls.ASCENDING, "d": cls.DESCENDING}.get(text.strip()[:1].lower(), cls.UNKNOWN)

    @classmethod
    def from_los_east(cls, los_east: Float32) -> "Direction":
        """Return the direction by the east part of the vector to the satellite: negative is ascending."""
        mean_east = float(np.nanmean(los_east)) if np.isfinite(los_east).any() else 0.0
        if mean_east == 0.0:
            return cls.UNKNOWN
        return cls.ASCENDING if mean_east < 0 else cls.DESCENDING


@dataclass(frozen=True, kw_only=True)
class FieldHeader:
    """Facts about all points of one velocity product.

    posting_m is the spacing of a gridded product and None for scattered points; grid_epsg is the projected reference
    system that the product is published on (None: choose the local UTM zone). tile names the area and track that
    successive releases cover, so that a newer release supersedes an older one; it is empty if the source publishes no
    releases. dates: the acquisitions; if has_series is false, the first and last day of the period, or nothing if they
    are not stated. reference: LOCAL unless the source states its calibration.
    """

    source_format: str
    level: str
    component: Component
    dates: tuple[date, ...]
    track: int | None = None
    direction: Direction = Direction.UNKNOWN
    burst: str = ""
    polarisation: str = ""
    release: str = ""
    posting_m: float | None = None
    grid_epsg: int | None = None
    tile: str = ""
    has_series: bool = True
    technique: Technique = Technique.INSAR
    reference: Reference = Reference.LOCAL
    simulated: bool = False
    attribution: str = ""
    licence: str = ""
    extras: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """Facts that the submitter declares about a file because the file itself does not state them.

    mapping: a TOML file that names a table's columns; unit and positive: unit and sign of values, as listed in
    `ground_motion.readers.raster`; period: first and last day of velocities without a series.
    For images: scale of the values (power, amplitude or db), polarisation (the only one to read from a file of
    several), time, satellite and flight direction. None: not declared, and never guessed.
    """

    mapping: Path | None = None
    unit: str | None = None
    positive: str | None = None
    track: int | None = None
    period: tuple[date, date] | None = None
    scale: str | None = None
    polarisation: str | None = None
    acquired_at: datetime | None = None
    platform: str | None = None
    direction: Direction | None = None
    needs_period: bool = False  # If true, the caller cannot use velocities without the days that they cover.
    for_lacking: bool = False  # If true, unit and sign hold only for files of a folder that state none.


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedRow:
    """A row that was left out, and why."""

    pid: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PointBatch:
    """Columns of n measurement points; NaN for values that the source does not state.

    longitude, latitude: (n,), degrees, EPSG:4326. velocity_*: (n,), mm/yr, sign as the header's component.
    displacement_mm: (n, dates), mm, same sign; (n, 0) where the header has no series.
    los_*: (n,), unit vector from the ground to the satellite, or along the component's own direction.
    refused: the rows that were left out of this batch.
    """

    pid: NDArray[np.bytes_]
    longitude: Float64
    latitude: Float64
    height_m: Float32
    velocity_mm_yr: Float32
    velocity_std_mm_yr: Float32
    temporal_coherence: Float32
    rmse_mm: Float32
    los_east: Float32
    los_north: Float32
    los_up: Float32
    displacement_mm: Float32
    refused: tuple[RefusedRow, ...] = ()

    def columns(self) -> dict[str, Any]:
        """Return name of a column -> array, without copying."""
        return {column.name: getattr(self, column.name) for column in fields(self) if column.name != "refused"}

    def only(self, good: NDArray[np.bool_], reason: str) -> "PointBatch":
        """Return the rows where good, (n,), is true; the others are added to `refused` with this reason."""
        if good.all():
            return self
        columns = {name: column[good] for name, column in self.columns().items()}
        names = (pid.decode("utf-8", "replace").replace("\0", "\ufffd") for pid in self.pid[~good])
        left_out = tuple(RefusedRow(pid=name[:MAX_NAME_LENGTH], reason=reason) for name in names)
        return PointBatch(**columns, refused=self.refused + left_out)

    def rows(self, chosen: NDArray[np.bool_]) -> "PointBatch":
        """Return the rows where chosen, (n,), is true, without any that were refused."""
        return PointBatch(**{name: column[chosen] for name, column in self.columns().items()})

    def only_usable(self) -> "PointBatch":
        """Keep rows with position, velocity and unit vector; displacements that are no numbers become NaN."""
        displacement = np.where(np.isfinite(self.displacement_mm), self.displacement_mm, np.float32(np.nan))
        placed = replace(self, displacement_mm=displacement).only(
            np.isfinite(self.longitude) & np.isfinite(self.latitude), "its position is not a number"
        )
        moving = placed.only(np.isfinite(placed.velocity_mm_yr), "its velocity is not a number")
        square = moving.los_east**2 + moving.los_north**2 + moving.los_up**2
        return moving.only(~(np.abs(square - 1) >= UNIT_SQUARE_WITHIN), "its line of sight is not a unit vector")


def join_batches(batches: Sequence[PointBatch]) -> PointBatch:
    """Return several batches of one field as one; an empty one for none."""
    refused = tuple(row for batch in batches for row in batch.refused)
    full = [batch for batch in batches if batch.pid.size]
    if len(full) == 1:
        return replace(full[0], refused=refused)
    if not full:
        names = [column.name for column in fields(PointBatch) if column.name not in {"displacement_mm", "refused"}]
        nothing = {name: np.empty(0, dtype="S1" if name == "pid" else np.float32) for name in names}
        return PointBatch(**nothing, displacement_mm=np.empty((0, 0), dtype=np.float32), refused=refused)
    columns = {name: np.concatenate([getattr(batch, name) for batch in full]) for name in full[0].columns()}
    return PointBatch(**columns, refused=refused)


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What a file states about its points, as far as the gate (`ground_motion.readers.gate`) compares it.

    crs: system of the positions in the file, an EPSG number or WKT; None: degrees. velocity_scale, series_scale:
    factors, with sign, by which the reader multiplied the file's numbers. velocity_is_slope: the reader derived the
    velocities from the series. direction: source -> flight direction that it states. look: +1 for a right-looking
    radar, -1 for a left-looking one. unique_ids: False if ids stand in the file, and so may stand there twice.
    picture: whether the values are 8-bit numbers. packing: scale and offset that turn the numbers of an image, among
    which fill values are looked for, into those in the file's unit.
    """

    crs: int | str | None = None
    velocity_scale: float = 1.0
    series_scale: float = 1.0
    velocity_is_slope: bool = False
    direction: Mapping[str, Direction] = field(default_factory=dict)
    look: float = 1.0
    unique_ids: bool = True
    picture: bool = False
    packing: tuple[float, float] = (1.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class VelocityField:
    """One product: its header, and `batches`, which reads its points on demand.

    files: the files of a folder that were read; empty: the given file itself.
    expected_points: approximate number of rows, for a progress bar; None: not known beforehand.
    read_ahead: whether another thread may read the batches; False if they come from the database that they go to.
    changes: what the gate changed, a sentence each; complete after the batches were read.
    interferograms: the pairs of a product that is a stack of them; None for other products.
    """

    header: FieldHeader
    batches: Callable[[], Iterator[PointBatch]]
    files: tuple[Path, ...] = ()
    expected_points: int | None = None
    read_ahead: bool = True
    stated: Stated = field(default_factory=Stated)
    changes: list[str] = field(default_factory=list)
    interferograms: "Interferograms | None" = None

    @property
    def is_pair(self) -> bool:
        """Whether the product is one interferogram, which shows a change and no rate."""
        return self.interferograms is not None and len(self.interferograms.days) == 1


class PairPart(NamedTuple):
    """Rows of an interferogram, from `row` on.

    change_mm, coherence: (rows, cols); a change from the earlier to the later date is positive toward the satellite.
    """

    row: int
    change_mm: Float32
    coherence: Float32


@dataclass(frozen=True)
class Interferograms:
    """The pairs of a product, on one grid. days: earlier and later day of each; parts: yields the rows of a pair."""

    grid: PixelGrid
    days: tuple[tuple[date, date], ...]
    wavelength_m: float
    parts: Callable[[int], Iterator[PairPart]]


@dataclass(frozen=True, kw_only=True)
class Submission:
    """Details submitted with a file; empty: as in the file. loaded_by: never public; called: name without a track.

    still: ground that stands still, as WKT in degrees.
    """

    source_format: str = "auto"
    declared: Declaration = field(default_factory=Declaration)
    attribution: str = ""
    licence: str = ""
    loaded_by: str = ""
    called: str = ""
    still: str = ""


PLAIN_SUBMISSION = Submission()
