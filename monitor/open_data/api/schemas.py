"""Answers of the API. Names of fields contain the units; signs are those of docs/units-and-signs.md."""

from datetime import date, datetime
from typing import Any

from django.utils.functional import Promise
from ninja import Schema
from ninja.orm import create_schema
from pydantic import Field, create_model, field_validator

from detection.figures import FIGURES
from ml.models import BuildingMotion
from monitor.wording.cards.buildings import FIGURES as BUILDING_FIGURES


class Answer(Schema):
    """Answer whose texts are in the language of the request."""

    @field_validator("*", mode="before")
    @classmethod
    def _spoken(cls, value: object) -> object:
        return str(value) if isinstance(value, Promise) else value


class Fault(Answer):
    """Error answer by RFC 9457: what was wrong (`error`) and what to do about it (`remedy`); `detail` has both."""

    type: str
    title: str
    status: int
    detail: str
    error: str
    remedy: str


class _Area(Answer):
    """Figures of an area.

    Rates come from velocity fields, speeds from offsets between two images, coherence and its change from image pairs.
    Figures without such data are null. Uncertainties are one standard deviation.
    """

    extent: str = Field("local", description="local: a place, against the ground around; region: against `reference`")
    reference: str = Field(
        "", description="of a region's rates: datum, the zero of the data; gnss, stations; local, their stillest part"
    )
    class_shares: dict[str, float] = Field({}, description="how likely each cause is; what is missing to 1: none")


_COLUMNS: dict[str, Any] = {
    row.name: (float, Field(description=row.description))
    if row.family is None
    else (float | None, Field(None, description=row.description))
    for row in FIGURES
}
Figures = create_model("Figures", __base__=_Area, __doc__=_Area.__doc__, **_COLUMNS)


class MotionOut(Answer):
    """How the ground moves over time, against the ground around it; mm a year, sign: see component of the alert."""

    trend: str = Field(description="steady, faster, slower, at rest, began or reversed: at the last change of the rate")
    rate_mm_yr: float = Field(description="at the end of the series")
    rate_sigma_mm_yr: float
    before_mm_yr: float | None = Field(description="before the last change")
    before_sigma_mm_yr: float | None
    changed_on: date | None
    changed_sigma_days: float | None
    accelerating_since: date | None
    at_rest_since: date | None
    moving_since: date | None = Field(
        description="null where it moved from the first date on, or the series does not show it"
    )
    season_mm: float = Field(description="half of the way from lowest to highest, 0 where no season is sure")
    season_month: int | None
    n_dates: int


class ExposureSource(Answer):
    """Map layer in which buildings, roads, railways or people of an area were counted."""

    kind: str
    name: str
    loaded_on: date
    attribution: str


class ExposureOut(Answer):
    """Buildings, roads, railways and people in the area of an alert. null, unlike 0: no loaded layer covers it."""

    buildings: int | None
    main_road_km: float | None = Field(description="motorways to secondary roads")
    other_road_km: float | None
    railway_km: float | None
    people: float | None
    sources: list[ExposureSource]


class ContactOut(Answer):
    """Office that is responsible for ground motion in a region."""

    name: str
    phone: str = Field(description="empty if not known")
    page: str = Field(description="empty if not known")
    region: str


class TakenOut(Answer):
    """Who takes care of an alert: an organisation, never a person. by: its public name, perhaps empty."""

    by: str
    on: date
    sentence: str


class FigureOut(Answer):
    """One stated rate of an alert, with all that it means."""

    part: str = Field(description="whole: median of the area; fastest: its fastest place; around: the ground around")
    value: float = Field(description="sign: see component")
    sigma: float | None = Field(description="one standard deviation; null: not known")
    unit: str = Field(description="mm/yr or m/day")
    since: date
    until: date
    along: str = Field(description="los, up, east, north or ground")
    against: str = Field(description="around, datum (zero of the data), gnss, local (still ground) or image")
    is_motion: bool = Field(description="false: below twice its sigma, so motion is not certain")


class AlertOut(Figures):  # type: ignore[valid-type,misc]  # made while the program runs
    """A place that moves, with one code for its whole life."""

    code: str
    url: str
    kind: str
    kind_label: str
    place: str
    state: str
    state_label: str
    severity: str
    severity_label: str
    why: str = Field(description="why it stands where it does in lists by importance")
    figures: list[FigureOut] = Field(description="the headline first; empty where no rate was measured")
    exposure: ExposureOut | None = Field(None, description="null: not counted yet")
    sentence: str = Field(description="how the ground moves, in plain words")
    sentences: list[str] = Field(description="the same, then tilt, what stands there and the cause, where known")
    contact: ContactOut | None = Field(None, description="who is responsible there; null where none is loaded")
    zero: str = Field(description="what the zero of its data sets is, and whether anything confirms it")
    source: str = Field(description="computer, or person: a specialist drew it; then there may be no figures")
    component: str = Field(description="los: plus is toward the satellite; up: plus is up; east: plus is to the east")
    simulated: bool
    longitude: float
    latitude: float
    bbox: list[float] = Field(description="west, south, east, north in degrees; west > east across 180")
    first_motion: date
    last_motion: date
    motion: MotionOut | None = Field(None, description="null where no product has a series of the place")
    resident_reports: int = Field(description="accepted reports of residents within 200 m")
    taken_up: list[TakenOut] = Field([], description="who takes care of it, as far as they let the public know")
    first_seen: datetime
    updated: datetime


class Geometry(Answer):
    """Outline as GeoJSON."""

    type: str
    coordinates: list[list[list[list[float]]]]


class Change(Answer):
    """Change of one figure: the value last reported (`before`), and the one that is reported now (`after`)."""

    cause: str = Field(description="rate, peak, area, kind, severity, acceleration, finished or woken")
    before: float | str | None
    after: float | str | None
    unit: str = Field(description="mm/yr, m/day, m2 or date; empty for words")
    component: str = Field(description="of rates: los, up or east")


class Step(Answer):
    """Step of an alert's life: a change of its state or, if the state stays the same, of its figures."""

    at: datetime
    from_state: str
    to_state: str
    reason: str
    changes: list[Change]
    sentences: list[str]


class LookOut(Answer):
    """Expected pass of a satellite over a place, predicted from the images that archives have published."""

    at: datetime
    has_time: bool = Field(description="false: only the day is known, and `at` is its noon")
    track: int
    direction: str
    platform: str = Field(description="of the last image of this orbit; empty if unknown")
    probability: float = Field(description="that an image is taken, 0 to 1")
    last_at: datetime = Field(description="last image of this orbit")
    motion_m: float | None = Field(description="smallest motion since the last one that it would show; null: unknown")
    surface_m2: float | None = Field(description="smallest change of the surface that it would show; null: unknown")
    sentence: str
    shows: str


class EvidenceOut(Answer):
    """Package from which `ground-motion verify` computes the alert's figures again, or why there is none."""

    url: str = Field(description="empty if there is none")
    size_bytes: int
    seal: str = Field(description="SHA-256 of the package's manifest, in hexadecimal")
    why: str = Field(description="why there is none of the present figures; empty if there is one")


class AlertDetail(AlertOut):
    """One alert with its outline, EPSG:4326, and its history."""

    state_meaning: str
    severity_meaning: str
    area: Geometry
    history: list[Step] = Field(description="the first step first")
    looks: list[LookOut] = Field(description="next looks from space, the earliest first")
    looked: str = Field(description="what the last look did not show; empty if it was news or there was none")
    evidence: EvidenceOut


class DetectionOut(Figures):  # type: ignore[valid-type,misc]
    """Area detected by one run; an alert combines the detections of one place."""

    id: int
    kind: str
    score: float = Field(description="highest probability inside, 0 to 1")
    places: list[dict[str, Any]] = Field(
        description="each peak inside, strongest first: rate and tilt (mm a year per m) with 90 % intervals, and "
        "outlines (GeoJSON) of what moves, of half and of 0.8 of the peak"
    )
    reasons: list[dict[str, float | str | None]] = Field(description="points inside against those around, mm a year")
    n_points: int = Field(description="measurement points, or cells of an image pair, inside")
    task: str
    method: str
    version: str
    product_id: int | None
    pair_id: int | None
    prediction_id: int
    raster_url: str
    run_finished_at: datetime | None
    zero: str = Field(description="what its rates are relative to, and whether anything confirms it; empty for images")


class ZeroOut(Answer):
    """What a rate is relative to."""

    datum_source: str = Field(description="source of the zero, as in the datum of a product")
    datum_sigma_mm_yr: float = Field(description="its standard deviation, an error common to all points of a product")
    zero: str = Field(description="both in words, and whether anything confirms the zero")


class DatumOut(Answer):
    """Zero of a velocity field: its rates are those of its file minus `mm_yr`."""

    mm_yr: float = Field(description="rate of still ground in the file, which is subtracted from rates and series")
    sigma_mm_yr: float = Field(description="one standard deviation, an error common to all points")
    source: str = Field(
        description="stations, declared, overlap, calibrated; still or file: nothing outside confirms it"
    )
    n: int = Field(description="number of stations, points or fields that it comes from")
    share: float = Field(description="part of the field's edge that moves alike; 0 from other sources")
    sentence: str


class ProductSummary(Answer):
    """Summary of a velocity field."""

    id: int
    name: str
    track: int | None
    component: str
    component_label: str
    attribution: str
    simulated: bool
    datum: DatumOut
    url: str


class ProductOut(ProductSummary):
    """One velocity field as it was published."""

    source_format: str
    level: str
    direction: str
    release: str
    superseded_by: int | None = Field(description="id of the newer release that stands in its place")
    posting_m: float | None
    n_points: int
    n_dates: int
    first_date: date
    last_date: date
    bbox: list[float] = Field(description="west, south, east, north in degrees; west > east across 180")
    licence: str
    file_name: str
    file_sha256: str
    loaded_at: datetime


class StationOut(Answer):
    """GNSS station or levelling benchmark, with a page that compares it with the points around it."""

    id: int
    code: str
    technique: str = Field(description="gnss or levelling")
    frame: str = Field(description="reference frame of the series; empty where the file states none")
    longitude: float = Field(description="degrees")
    latitude: float = Field(description="degrees")
    n_dates: int
    first_date: date
    last_date: date
    simulated: bool
    attribution: str
    licence: str
    url: str


class SeriesChange(Answer):
    """Change in a series; with a probability of 90 % it was between the dates `first` and `last`."""

    kind: str = Field(description="rate, mm a year; step, mm; curve, mm a year each year; unwrapping, mm: an error")
    day: date
    first: date
    last: date
    size: float
    sigma: float = Field(description="one standard deviation of the size")
    sentence: str


class Provisional(Answer):
    """What new passes added to a series: provisional until the next release replaces it."""

    dates: list[date]
    displacement_mm: list[float | None]
    sigma_mm: list[float | None] = Field(description="one standard deviation")
    sentence: str


class PointSeries(Answer):
    """One point over time. Displacements in mm on `dates`; null where nothing was measured."""

    product: ProductSummary
    pid: str
    longitude: float
    latitude: float
    height_m: float | None
    velocity_mm_yr: float | None
    velocity_std_mm_yr: float | None
    temporal_coherence: float | None
    rmse_mm: float | None
    los_east: float | None = Field(description="unit vector from the ground to the satellite")
    los_north: float | None
    los_up: float | None
    sentence: str
    dates: list[date]
    displacement_mm: list[float | None]
    provisional: Provisional | None = Field(None, description="after the release; null where no new pass was added")
    fit_mm: list[float | None] | None
    zero_mm: float = Field(description="value at the first date; charts draw it as zero, the values above keep theirs")
    changes: list[SeriesChange] = Field(description="of the rate, and jumps: only those that chance hardly makes")
    band_mm: float | None = Field(description="one standard deviation around the fit")
    negative_word: str
    positive_word: str
    csv_url: str


class PlaceTrack(Answer):
    """Points of one direction around a place. Series: their mean in mm on `dates`, null where nothing was measured."""

    product: ProductSummary
    n_points: int
    mean_mm_yr: float = Field(description="of the points' rates; sign: see component of the product")
    mean_sigma_mm_yr: float | None = Field(description="one standard deviation of the mean")
    scatter_mm_yr: float | None = Field(description="one standard deviation of the points")
    temporal_coherence: float | None = Field(description="median")
    dates: list[date]
    values_mm: list[float | None]
    low_mm: list[float | None] = Field(description="16th percentile of the points")
    high_mm: list[float | None] = Field(description="84th percentile of the points")
    fit_mm: list[float | None]
    band_mm: float | None = Field(description="one standard deviation around the fit")
    changes: list[SeriesChange]
    negative_word: str
    positive_word: str


class AlertNear(Answer):
    """Alert near a place."""

    code: str
    url: str
    kind_label: str
    brief: str
    state_label: str
    distance_m: int = Field(description="from the place to the outline; 0 inside it")
    where: str


class HereOut(Answer):
    """What is known about a house or street. Coordinates are rounded to four decimals, about ten metres."""

    latitude: float
    longitude: float
    place: str
    url: str
    radius_m: float = Field(description="50, 100 or 200: the smallest circle with enough points")
    motion: str = Field(description="moves, still, unclear, or none: no points, which does not mean still")
    sentence: str = Field(description="the answer; ± is two standard deviations")
    how_sure: list[str]
    limits: list[str]
    simulated: bool
    tracks: list[PlaceTrack] = Field(description="the one that the sentence is about first")
    alerts: list[AlertNear] = Field(description="the nearest within 5 km")
    contact: ContactOut | None = Field(None, description="who is responsible there; null where none is loaded")
    looks: list[LookOut] = Field(description="next looks from space, the earliest first")
    building: list[str] = Field(description="sentences on the building here; empty if no footprint is loaded here")


BuildingFigures = create_schema(BuildingMotion, name="BuildingFigures", fields=[*BUILDING_FIGURES], base_class=ZeroOut)


class BuildingOut(BuildingFigures):  # type: ignore[valid-type,misc]
    """Motion of a building in one data set: median and ends of the 90 % interval, signed as its component."""

    id: int
    product_id: int
    component: str
    since: date
    until: date
    longitude: float = Field(description="degrees, a place inside")
    latitude: float = Field(description="degrees")
    simulated: bool
    sentences: list[str]


class AreaSeriesOut(Answer):
    """Mean series of the points in an area."""

    product: ProductSummary
    n_points: int
    n_sampled: int = Field(description="how many of the points were averaged")
    dates: list[date]
    mean_mm: list[float]
    low_mm: list[float] = Field(description="16th percentile of the points")
    high_mm: list[float] = Field(description="84th percentile of the points")
    provisional: Provisional | None = Field(None, description="after the release; null where no new pass was added")


class AlertSeries(Answer):
    """Mean series of every product that saw the alert."""

    code: str
    series: list[AreaSeriesOut]
    negative_word: str
    positive_word: str


class PredictionOut(Answer):
    """The result of one run on a pair: a raster and its statistics."""

    id: int
    task: str
    method: str
    version: str
    raster_url: str
    raster_sha256: str
    statistics: dict[str, Any]
    layer: str | None = Field(description="in which layer of /rasters it is shown")
    group: str | None = Field(description="under which date of that layer")
    created_at: datetime


class PairOut(Answer):
    """Two radar images of one track and polarisation, with the ground that both show; the reference is the earlier."""

    id: int
    platform: str
    track: int
    direction: str
    burst: str
    polarisation: str
    reference_at: datetime
    secondary_at: datetime
    temporal_baseline_days: int
    posting_m: float
    bbox: list[float] = Field(description="west, south, east, north in degrees; west > east across 180")
    simulated: bool
    predictions: list[PredictionOut]


class RasterGroupOut(Answer):
    """One date of a layer of images."""

    key: str
    label: str
    date: date
    n_rasters: int
    bounds: list[float] = Field(description="west, south, east, north in degrees; west > east across 180")
    simulated: bool


class RasterLayerOut(Answer):
    """A layer of images: its dates, and what its colours mean from low to high."""

    name: str
    label: str
    unit: str
    low: float
    high: float
    low_word: str
    middle_word: str
    high_word: str
    description: str
    details: str
    colours: list[str]
    arrows: bool
    tiles_url: str = Field(description="PNG tiles, {group}/{z}/{x}/{y}, Web Mercator")
    groups: list[RasterGroupOut]


class Page(Answer):
    """Part of a list."""

    count: int = Field(description="how many there are in all")
    limit: int
    offset: int
    next: str | None = Field(description="address of the next part")


def _page_of(rows: type[Answer], words: str) -> type[Page]:
    """Return the schema of a part of a list. words: what is listed."""
    name = rows.__name__.replace("Out", "Page")
    items: Any = list[rows]  # type: ignore[valid-type]  # made while the program runs
    return create_model(name, __base__=Page, __doc__=f"Part of the list of {words}.", items=(items, ...))


AlertPage = _page_of(AlertOut, "alerts")
DetectionPage = _page_of(DetectionOut, "detections")
ProductPage = _page_of(ProductOut, "velocity fields")
StationPage = _page_of(StationOut, "stations")
BuildingPage = _page_of(BuildingOut, "buildings")
PairPage = _page_of(PairOut, "pairs")
