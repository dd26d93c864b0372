"""Form in which a sender declares properties of files; rows of the list of jobs, with what an inspection tells.

The inspection comes from the process that read the file, and may hold anything: what has not the expected form is left
out. Its evidence and its remarks are in English, as all that is said of files.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from django import forms
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from ground_motion.core.areas import disc, wrap_longitude
from ground_motion.core.errors import UnusableData
from ground_motion.readers.formats.registry import TITLES
from ground_motion.readers.images.scenes import POLARISATIONS
from ground_motion.readers.raster import MM_PER_UNIT, TOWARD
from ground_motion.readers.records import Declaration, Direction, Submission
from ingest.jobs.services import may_retry
from ingest.models import DIRECTIONS, IngestJob
from monitor.pages.uploads.resumable import in_words
from monitor.wording.figures import short, whole
from monitor.wording.images import DIRECTION_WORDS
from monitor.wording.places import country_near, latitude_label, longitude_label
from monitor.wording.refusals import plain_words

UNIT_WORDS = {
    "mm/yr": gettext_lazy("millimetres a year"),
    "cm/yr": gettext_lazy("centimetres a year"),
    "m/yr": gettext_lazy("metres a year"),
    "m/day": gettext_lazy("metres a day"),
}
SIGN_WORDS = {
    "toward": gettext_lazy("toward the satellite"),
    "away": gettext_lazy("away from the satellite"),
    "up": gettext_lazy("upward"),
    "down": gettext_lazy("downward"),
    "east": gettext_lazy("to the east"),
    "west": gettext_lazy("to the west"),
    "north": gettext_lazy("to the north"),
    "south": gettext_lazy("to the south"),
}
SCALE_WORDS = {
    "db": pgettext_lazy("scale of an image", "decibels"),
    "power": pgettext_lazy("scale of an image", "power (linear)"),
    "amplitude": pgettext_lazy("scale of an image", "amplitude"),
}
STATE_WORDS = {
    IngestJob.State.QUEUED: pgettext_lazy("file", "waiting"),
    IngestJob.State.RUNNING: pgettext_lazy("file", "being read"),
    IngestJob.State.LOADED: pgettext_lazy("file", "loaded"),
    IngestJob.State.REJECTED: pgettext_lazy("file", "not loaded"),
    IngestJob.State.FAILED: pgettext_lazy("file", "failed"),
    IngestJob.State.CANCELLED: pgettext_lazy("file", "cancelled"),
}
SOURCE_WORDS = {
    IngestJob.Source.UPLOAD: gettext_lazy("sent from the page"),
    IngestJob.Source.WATCH: gettext_lazy("watched folder"),
    IngestJob.Source.FETCHED: gettext_lazy("fetched from a search service"),
}


FIELD_LABELS = {
    "unit": gettext_lazy("Unit of its values"),
    "positive": gettext_lazy("A positive value moves"),
    "first_day": gettext_lazy("First day, if it has velocities only"),
    "last_day": gettext_lazy("Last day"),
    "track": gettext_lazy("Track (relative orbit)"),
}
SHADES = 4
BAR_HEIGHT = 30  # of a histogram, whose bars are one unit wide
MAX_REMARKS = 6
FIELDS = {"unit": ("unit",), "positive": ("positive",), "period": ("first_day", "last_day")}
FIELDS["columns"] = tuple(FIELD_LABELS)
COLUMN_LABELS = {
    "x": gettext_lazy("Longitude, or easting"),
    "y": gettext_lazy("Latitude, or northing"),
    "velocity": gettext_lazy("Velocity"),
    "velocity_std": gettext_lazy("Standard deviation of the velocity"),
    "height": gettext_lazy("Height"),
    "epsg": gettext_lazy("Positions are in"),
}
OPTIONAL_ROLES = ("velocity_std", "height")
IN_DEGREES, IN_METRES = {"x": "longitude", "y": "latitude"}, {"x": "easting", "y": "northing"}
DEGREES = 4326
IN_PLANES = {3035: "ETRS89 LAEA (EPSG 3035)", 3857: "Web Mercator (EPSG 3857)"}
IN_PLANES |= {
    zero + zone: f"UTM {zone}{letter} (EPSG {zero + zone})"
    for zero, letter in ((32600, "N"), (32700, "S"))
    for zone in range(1, 61)
}


def _or_stated(choices: Iterable[tuple[str, Any]]) -> forms.ChoiceField:
    return forms.ChoiceField(required=False, choices=[("", gettext_lazy("the file says it")), *choices])


class FileForm(forms.Form):
    """Form in which a sender declares properties of files; for empty fields, the file's own metadata apply."""

    source_format = forms.ChoiceField(
        required=False,
        choices=lambda: [("auto", _("find out by itself")), *sorted(TITLES.items(), key=lambda at: at[1])],
    )
    unit = _or_stated((name, UNIT_WORDS.get(name, name)) for name in MM_PER_UNIT)
    positive = _or_stated((name, SIGN_WORDS.get(name, name)) for name in TOWARD)
    track = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=999,
        error_messages={"invalid": gettext_lazy("The track is a number, such as 117.")},
    )
    first_day = forms.DateField(required=False, widget=forms.DateInput({"type": "date"}))
    last_day = forms.DateField(required=False, widget=forms.DateInput({"type": "date"}))
    scale = _or_stated(SCALE_WORDS.items())
    polarisation = forms.ChoiceField(
        required=False, choices=[("", gettext_lazy("all there are")), *((p, p) for p in POLARISATIONS)]
    )
    acquired_at = forms.DateTimeField(
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local", "step": "1"}, "%Y-%m-%dT%H:%M:%S"),
        error_messages={
            "invalid": gettext_lazy("The time of an image is a day and a time, such as 2021-01-19 03:16:53.")
        },
    )
    platform = forms.CharField(required=False, max_length=10)
    direction = _or_stated((value, DIRECTION_WORDS.get(value, label)) for value, label in DIRECTIONS)
    attribution = forms.CharField(required=False, max_length=300)
    licence = forms.CharField(required=False, max_length=300)
    why = forms.CharField(required=False, max_length=500)
    still = forms.CharField(
        required=False,
        max_length=100,
        label=gettext_lazy("Stable ground: longitude, latitude, radius in km"),
        help_text=gettext_lazy(
            "Do you know stable ground here: rock, far from slopes, works and wells?"
            " Speeds are then relative to it, unless these data cover GNSS stations."
        ),
        widget=forms.TextInput({"placeholder": "14.2, 40.9, 1.5", "autocomplete": "off"}),
    )

    def clean_still(self) -> str:
        """Return a disc, which is entered as LON,LAT,KM, as WKT. Raises ValidationError."""
        if not (text := self.cleaned_data["still"]):
            return ""
        try:
            longitude, latitude, km = map(float, text.split(","))
        except ValueError as fault:
            said = _("Write longitude, latitude and radius (km) of stable ground, as in 14.2, 40.9, 1.5.")
            raise forms.ValidationError(said) from fault
        try:
            return str(disc(longitude, latitude, 1000 * km).wkt)
        except UnusableData as fault:
            raise forms.ValidationError(_(str(fault))) from fault

    def clean(self) -> dict[str, Any]:
        """Check that the first and the last day are given together and in order. Raises ValidationError."""
        super().clean()
        cleaned = self.cleaned_data
        first, last = cleaned.get("first_day"), cleaned.get("last_day")
        if (first is None) != (last is None):
            raise forms.ValidationError(_("Give both the first and the last day, or neither."))
        if first and last and last <= first:
            raise forms.ValidationError(_("The last day must be after the first."))
        return cleaned

    def submission(self, account: str, mapping: Path | None = None, still: str = "") -> Submission:
        """Return the submission of a file with the entered declarations.

        Args:
            account: of who sends it
            mapping: file with the list of columns
            still: ground that stands still, WKT, if it was not entered as a disc
        """
        entered: dict[str, Any] = self.cleaned_data
        period = (entered["first_day"], entered["last_day"]) if entered["first_day"] else None
        direction = Direction(entered["direction"]) if entered["direction"] else None
        names = ("unit", "positive", "track", "scale", "polarisation", "acquired_at", "platform")
        values: dict[str, Any] = {name: entered[name] or None for name in names}
        return Submission(
            source_format=entered["source_format"] or "auto",
            declared=Declaration(mapping=mapping, period=period, direction=direction, **values),
            attribution=entered["attribution"],
            licence=entered["licence"],
            loaded_by=account,
            still=still or entered["still"],
        )


class ColumnsForm(forms.Form):
    """Form that says what the columns of a table hold; what their names say is chosen already."""

    def __init__(self, job: IngestJob, data: Any = None) -> None:
        table = table_of(job)
        self.roles = dict.fromkeys(("x", "y", "velocity")) | dict.fromkeys(OPTIONAL_ROLES)
        super().__init__(data, auto_id=f"job-{job.pk}-%s", prefix="column")
        for role in self.roles:
            known = table.roles.get(role) or table.roles.get(IN_DEGREES.get(role, ""), "")
            empty = [("", _("none") if role in OPTIONAL_ROLES else _("please choose"))]
            self.fields[role] = forms.ChoiceField(
                label=COLUMN_LABELS[role],
                required=role not in OPTIONAL_ROLES,
                choices=[*empty, *((name, name) for name in table.names)],
                initial=known,
            )
        systems = [(code, _("metres, %(name)s") % {"name": name}) for code, name in IN_PLANES.items()]
        self.fields["epsg"] = forms.TypedChoiceField(
            label=COLUMN_LABELS["epsg"], coerce=int, choices=[(DEGREES, _("degrees (WGS 84)")), *systems]
        )

    def clean(self) -> dict[str, Any]:
        """Check that no column is chosen twice. Raises ValidationError."""
        chosen = [self.cleaned_data[role] for role in self.roles if self.cleaned_data.get(role)]
        if len(set(chosen)) < len(chosen):
            raise forms.ValidationError(_("One column is chosen twice. Choose a column for each question."))
        return self.cleaned_data

    def mapping(self) -> str:
        """Return the answers as a list of columns, TOML."""
        epsg = self.cleaned_data["epsg"]
        of_role = IN_DEGREES if epsg == DEGREES else IN_METRES
        chosen = {of_role.get(role, role): self.cleaned_data[role] for role in self.roles if self.cleaned_data[role]}
        lines = [f"{role} = {json.dumps(name, ensure_ascii=False)}" for role, name in chosen.items()]
        return "\n".join([f"epsg = {epsg}", "[columns]", *lines, ""])


class FirstRows(NamedTuple):
    """Names and first rows of a table's columns, and what the names say: role -> name."""

    names: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    roles: Mapping[str, str] = MappingProxyType({})


def table_of(job: IngestJob) -> FirstRows:
    """Return the first rows of a job's table; empty ones where nothing is known."""
    try:
        table = job.inspection["told"]["table"]
        names, roles = [str(name) for name in table["names"]], {str(a): str(b) for a, b in table["roles"].items()}
        return FirstRows(names, [[str(cell) for cell in row] for row in table["rows"]], roles)
    except (KeyError, TypeError, AttributeError):
        return FirstRows()


def job_row(job: IngestJob) -> dict[str, Any]:
    """Return the row of a job in the operators' list. Its products and scenes are expected to be prefetched."""
    # Still ground is entered as a disc, not as stored; what was declared stays if it is left empty.
    declared = {name: getattr(job, name) for name in FileForm.base_fields} | {"still": ""}
    form, missing = FileForm(initial=declared, auto_id=f"job-{job.pk}-%s"), fields_missing(job)
    for name in missing:
        field = form.fields[name]
        field.label = FIELD_LABELS[name]
        if "columns" in job.inspection["missing"]:  # The names of the columns may say the rest.
            continue
        field.required = field.widget.is_required = True
        if isinstance(field, forms.ChoiceField):
            field.choices = [("", _("please choose")), *cast("Sequence[tuple[str, str]]", field.choices)[1:]]
    return {
        "row": job,
        "state": job.state,
        "state_words": state_words(job),
        "reason": plain_reason(job),
        "size": in_words(job.size_bytes),
        "source": SOURCE_WORDS[IngestJob.Source(job.source)],
        "products": [
            {"name": product.name, "url": reverse("product-detail", args=[product.pk])}
            for product in job.products.all()
        ],
        "scenes": list(job.scenes.all()),
        "again": may_retry(job),
        "form": form,
        "asked": [form[name] for name in missing],
        "given": [field for field in form if field.name not in (*missing, "still")],
        "preview": preview_of(job),
        "table": table_of(job),
        "columns": ColumnsForm(job) if "columns" in job.inspection.get("missing", ()) else None,
    }


def state_words(job: IngestJob) -> str:
    """Return the state of a job in words, with the number of points read."""
    figures = {"number": whole(job.points_done)}
    if job.state == IngestJob.State.RUNNING and job.points_done:
        words = ngettext("being read, %(number)s point so far", "being read, %(number)s points so far", job.points_done)
        return words % figures
    if job.state == IngestJob.State.LOADED and job.points_done:
        return ngettext("loaded, %(number)s point", "loaded, %(number)s points", job.points_done) % figures
    if job.state == IngestJob.State.REJECTED and fields_missing(job) and may_retry(job):
        return _("waiting for your answer")
    return str(STATE_WORDS[IngestJob.State(job.state)])


def plain_reason(job: IngestJob) -> str:
    """Return the fault of a job, with a remedy that can be followed on the page of uploads."""
    return plain_words(job.error, "below and try again" if may_retry(job) else "on this page, and send the file")


def fields_missing(job: IngestJob) -> list[str]:
    """Return the names of the form's fields that the sender of a file must fill in; empty if nothing is asked."""
    missing = job.inspection.get("missing", ())
    return [field for name, fields in FIELDS.items() if name in missing for field in fields]


def preview_of(job: IngestJob) -> dict[str, Any] | None:
    """Return what is shown of a file before it is loaded; None if nothing is known."""
    found = job.inspection.get("told", {})
    try:
        return {
            "title": str(found["title"]),
            "reason": str(found["reason"]),
            "parts": [_part(part) for part in found["parts"][:4]],
        }
    except (KeyError, TypeError, ValueError, LookupError, ArithmeticError):
        return None


def _part(part: dict[str, Any]) -> dict[str, Any]:
    west, south, east, north = map(float, part["extent"])
    low, _five, middle, _most, high = map(float, part["values"])
    values = {"low": short(low), "middle": short(middle), "high": short(high)}
    in_file = _("The file's own numbers run from %(low)s to %(high)s; half of them are below %(middle)s.")
    in_mm = _("The rates run from %(low)s to %(high)s mm a year; half of them are below %(middle)s.")
    points = int(part["points"])
    remarks = [*part["changes"], *(f"{count:,} rows left out: {reason}." for reason, count in part["left_out"])]
    ends = (west, north), (east, south)
    corner = [(longitude_label(wrap_longitude(lon)), latitude_label(lat)) for lon, lat in ends]
    counts, bars = part["map"], part["histogram"]["counts"]
    most = max(bars)
    return {
        "points": ngettext("%(number)s point", "%(number)s points", points) % {"number": whole(points)},
        "country": country_near(wrap_longitude((west + east) / 2), (south + north) / 2),
        "corners": corner,
        "values": (in_mm if part["values_in"] else in_file) % values,
        "remarks": [str(remark) for remark in remarks[:MAX_REMARKS]],
        "map": _shades(counts),
        "columns": len(counts[0]),
        "rows": len(counts),
        "height": _height(west, south, east, north),
        "bars": "".join(f"M{x} {BAR_HEIGHT}h0.9v{-BAR_HEIGHT * n / most:.1f}h-0.9z" for x, n in enumerate(bars) if n),
        "n_bars": len(bars),
        "low": short(float(part["histogram"]["edges"][0])),
        "high": short(float(part["histogram"]["edges"][-1])),
    }


def _height(west: float, south: float, east: float, north: float) -> int:
    """Return the height of the map in pixels at a width of 240: as on the ground, but neither flat nor tall."""
    width = max(east - west, 1e-6) * max(math.cos(math.radians((south + north) / 2)), 0.05)
    return round(min(max(240 * (north - south) / width, 60), 240))


def _shades(counts: list[list[int]]) -> list[dict[str, Any]]:
    """Return (shade from 1 to SHADES, SVG path of its cells) of a map of numbers of points."""
    most = max(map(max, counts))
    paths: dict[int, list[str]] = {shade: [] for shade in range(1, SHADES + 1)}
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            if count > 0:
                paths[math.ceil(SHADES * count / most)].append(f"M{x} {y}h1v1h-1z")
    return [{"shade": shade, "path": "".join(cells)} for shade, cells in paths.items() if cells]
