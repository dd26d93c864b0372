"""Tables of lines: a rail, dike, pipe or road of an organisation, how it moves in each data set, where it breaks."""

from collections.abc import Iterable

from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField
from django.utils.translation import gettext_lazy

from ground_motion.methods.structures import SAME_M
from ingest.models import Product, StandingManager
from monitor.models.subscriptions import Holding, Organisation


class Line(Holding):
    """Line of an organisation. Stations run along it as given, from `first_station_m` at its first corner."""

    class Kind(models.TextChoices):
        RAIL = "rail", gettext_lazy("Railway")
        DIKE = "dike", gettext_lazy("Dike")
        PIPE = "pipe", gettext_lazy("Pipe")
        ROAD = "road", gettext_lazy("Road")

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="lines")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    geometry = models.LineStringField(srid=4326)
    length_m = models.FloatField()
    half_width_m = models.FloatField()
    first_station_m = models.FloatField(default=0, help_text="of its first corner; may be negative")
    limit_mm_m_yr = models.FloatField(
        help_text="largest differential settlement per metre and year that the owner accepts"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(help_text="readings that are older are made again")

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(length_m__gt=0, half_width_m__gt=0, limit_mm_m_yr__gt=0), name="line_has_a_size"
            )
        ]


class LineReading(models.Model):
    """Motion of a line in one product, assumed vertical, up positive. Lists are by station, null where unknown."""

    line = models.ForeignKey(Line, models.CASCADE, related_name="readings")
    product = models.ForeignKey(Product, models.CASCADE, related_name="line_readings")
    made_at = models.DateTimeField()
    n_points = models.PositiveIntegerField(help_text="near the line")
    step_m = models.FloatField(help_text="between stations; the first is half a step after the line's first corner")
    rate_mm_yr = ArrayField(models.FloatField(null=True))
    sigma_mm_yr = ArrayField(models.FloatField(null=True))
    slope_mm_m_yr = ArrayField(models.FloatField(null=True), help_text="growth of the rate along the line")
    curvature_mm_m2_yr = ArrayField(models.FloatField(null=True))
    dates = ArrayField(models.DateField(), help_text="of the strip; none without series")
    strip = models.BinaryField(help_text="mm in each cell along the line and on each date, as in encoding.pack_int16")

    comes_from = ("product",)
    objects = StandingManager["LineReading"]()
    every = models.Manager["LineReading"]()

    class Meta:
        ordering = ["-made_at", "id"]
        constraints = [models.UniqueConstraint(fields=["line", "product"], name="one_reading_per_product")]


class LineNotice(models.Model):
    """Notice to an organisation's members that a line has new breaks beyond their limit."""

    line = models.ForeignKey(Line, models.CASCADE, related_name="notices")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def places(self) -> "list[LineBreak]":
        """Return its breaks that lie beyond the limit, as `places_of` does."""
        return places_of(self.breaks.filter(is_beyond=True).select_related("reading__product"))


BREAK_FIGURES = ("height_mm_yr", "sigma_mm_yr", "width_m", "mm_m_yr", "mm_m_yr_sigma")


class LineBreak(models.Model):
    """Place where one side of a line moves against the other. Those that were reported outlive their reading."""

    line = models.ForeignKey(Line, models.CASCADE, related_name="breaks")
    reading = models.ForeignKey(LineReading, models.SET_NULL, null=True, related_name="breaks")
    notice = models.ForeignKey(
        LineNotice,
        models.CASCADE,
        null=True,
        related_name="breaks",
        help_text="the notice that reported this break, or an earlier one at the same place",
    )
    station_m = models.FloatField(help_text="from the line's first corner, as from_m and to_m, its 90 % interval")
    from_m = models.FloatField()
    to_m = models.FloatField()
    height_mm_yr = models.FloatField(
        help_text="rate after the break minus rate before it, up positive; 'after' is toward higher stations"
    )
    sigma_mm_yr = models.FloatField()
    width_m = models.FloatField()
    mm_m_yr = models.FloatField(help_text="height by width without its sign, weighed over all widths")
    mm_m_yr_sigma = models.FloatField(help_text="its standard deviation")
    is_beyond = models.BooleanField(help_text="its 90 % interval lies beyond the owner's limit")

    comes_from = ("reading__product",)
    objects = StandingManager["LineBreak"]()
    every = models.Manager["LineBreak"]()

    class Meta:
        ordering = ["station_m", "id"]

    def __str__(self) -> str:
        return f"break at {self.station_m:.0f} m of line {self.line_id}"


def places_of(rows: Iterable[LineBreak]) -> list[LineBreak]:
    """Return breaks of a line by station; of those that several data sets have at a place, the surest. rows: sorted."""
    kept: list[LineBreak] = []
    for row in rows:
        if kept and row.station_m - kept[-1].station_m <= SAME_M:
            kept[-1] = max(kept[-1], row, key=lambda one: abs(one.height_mm_yr) / one.sigma_mm_yr)
        else:
            kept.append(row)
    return kept
