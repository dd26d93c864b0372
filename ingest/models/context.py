"""Tables of context. A layer is loaded as a whole or not at all, and each row belongs to one layer."""

from django.contrib.gis.db import models
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.utils.translation import get_language

from ground_motion.readers.context.records import ContextKind, LineClass, PlaceKind, Surge, WaterClass
from ingest.foundation.atlas import country_title
from ingest.foundation.storage import raster_storage

SURGES = [(surge.value, surge.value) for surge in Surge]
NAMES_JOINED = " | "  # It separates names in search_name, and no search key holds it.


class ContextLayer(models.Model):
    """One file of context: its kind, its source and when it was loaded."""

    kind = models.CharField(max_length=12, choices=[(kind.value, kind.value) for kind in ContextKind])
    name = models.CharField(max_length=200, help_text="the same in every edition of the file")
    file_name = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64)
    attribution = models.CharField(max_length=300, blank=True)
    licence = models.CharField(max_length=300, blank=True)
    simulated = models.BooleanField(default=False)
    shipped = models.BooleanField(db_default=False, help_text="comes with the software; rows of other layers win")
    loaded_at = models.DateTimeField(auto_now_add=True)
    n_features = models.PositiveIntegerField(default=0)
    n_refused = models.PositiveIntegerField(default=0)
    remarks = models.JSONField(default=dict, help_text="remark about rows: how many rows it is about")
    coverage = models.MultiPolygonField(
        srid=4326, null=True, help_text="of buildings, roads, railways and people: beyond it nothing is known"
    )

    class Meta:
        ordering = ["kind", "name"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "name"], name="one_layer_per_kind_and_name"),
            models.UniqueConstraint(fields=["kind", "file_sha256"], name="one_layer_per_kind_and_file"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


class OfLayer(models.Model):
    """Row of a layer."""

    layer = models.ForeignKey(ContextLayer, models.CASCADE)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(getattr(self, "name", "") or f"{self._meta.verbose_name} {self.pk}")


class Named(OfLayer):
    """Row with a name, and perhaps names in other languages."""

    country = models.CharField(max_length=100, blank=True)
    name = models.CharField(max_length=200)
    names = models.JSONField(default=dict, help_text="by two-letter code of the language, where the file has them")
    search_name = models.TextField(help_text="search keys of all names, the main one first")

    class Meta:
        abstract = True

    @property
    def title(self) -> str:
        """Return the name in the active language, if the file has it."""
        return str(self.names.get(language_code(), self.name))

    @property
    def country_title(self) -> str:
        """Return the name of the country, in the active language if the file has its ISO code."""
        return country_title(self.country)


def language_code() -> str:
    """Return the two-letter code of the active language."""
    return (get_language() or "en")[:2]


class AdministrativeRegion(Named):
    """A country (level 0), a province or state (1), or a smaller unit."""

    level = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=40, blank=True, help_text="official, where the file has one")
    contact_name = models.CharField(max_length=200, blank=True, help_text="responsible office")
    contact_phone = models.CharField(max_length=40, blank=True)
    contact_page = models.CharField(max_length=300, blank=True)
    contact_by_hand = models.BooleanField(db_default=False, help_text="set by a person; a new file keeps it")
    slug = models.CharField(
        max_length=120, unique=True, null=True, help_text="its part of an address; set with the layer"
    )
    outline = models.MultiPolygonField(srid=4326)
    view = models.PolygonField(srid=4326, spatial_index=False, help_text="bounding box of its largest part")

    class Meta:
        indexes = [GinIndex(SearchVector("search_name", config="simple"), name="region_words")]

    @property
    def is_approximate(self) -> bool:
        """Return whether its border is only estimated from the positions of towns (`ingest.context.world`)."""
        return self.layer.shipped and self.level > 0


class Place(Named):
    """A place where people live, or a volcano."""

    kind = models.CharField(
        max_length=7, choices=[(kind.value, kind.value) for kind in PlaceKind], db_default=PlaceKind.TOWN.value
    )
    population = models.PositiveIntegerField()
    province = models.CharField(max_length=200, blank=True, db_default="", help_text="its first-level region")
    position = models.PointField(srid=4326)

    class Meta:
        indexes = [GinIndex(SearchVector("search_name", config="simple"), name="place_words")]


class Glacier(OfLayer):
    """A glacier. `surge`: evidence that it surges, from its own file; a loaded list of surges raises it to observed."""

    glacier_id = models.CharField(max_length=40, blank=True, db_index=True)
    glims_id = models.CharField(max_length=20, blank=True, db_index=True)
    name = models.CharField(max_length=200, blank=True)
    position = models.PointField(srid=4326)
    outline = models.MultiPolygonField(srid=4326, null=True)
    surge_in_file = models.CharField(max_length=10, choices=SURGES)
    surge = models.CharField(max_length=10, choices=SURGES)
    of_surge_list = models.BooleanField(default=False)
    reach_m_day = models.FloatField(null=True, help_text="fastest motion looked for; empty: as the settings have it")
    shown = models.BooleanField(default=True, help_text="false where a better row of the same glacier is loaded")

    def __str__(self) -> str:
        return self.name or self.glacier_id or f"glacier {self.pk}"


class Mine(OfLayer):
    """The outline of a mine."""

    name = models.CharField(max_length=200, blank=True)
    country = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=6, blank=True, help_text="active or closed, where the list states it")
    position = models.PointField(srid=4326)
    outline = models.MultiPolygonField(srid=4326)


class Landslide(OfLayer):
    """A reported landslide; accuracy_m is the uncertainty of its position."""

    event_id = models.CharField(max_length=40)
    happened_on = models.DateField(null=True)
    position = models.PointField(srid=4326)
    accuracy_m = models.FloatField(null=True)
    landslide_type = models.CharField(max_length=60, blank=True)
    trigger = models.CharField(max_length=60, blank=True)
    size = models.CharField(max_length=60, blank=True)
    near = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.event_id


class Building(OfLayer):
    """A point inside a building, and its footprint where the file has one."""

    position = models.PointField(srid=4326)
    outline = models.PolygonField(srid=4326, null=True, spatial_index=False)


class TransportLine(OfLayer):
    """A piece of a road or railway."""

    line_class = models.CharField(max_length=5, choices=[(line.value, line.value) for line in LineClass])
    tunnel = models.BooleanField()
    line = models.MultiLineStringField(srid=4326)


class Water(OfLayer):
    """A piece of a river or stream, or a lake."""

    water_class = models.CharField(max_length=6, choices=[(water.value, water.value) for water in WaterClass])
    name = models.CharField(max_length=200, blank=True)
    shape = models.GeometryField(srid=4326)


class PopulationTile(OfLayer):
    """People per cell, as a raster in storage."""

    people = models.FloatField(help_text="in all cells")
    footprint = models.MultiPolygonField(srid=4326)
    raster = models.FileField(storage=raster_storage, max_length=200)


class SimulatedTruth(models.Model):
    """Simulated motion or change at a place. Loaded with the demo and drawn on the map; no detector reads it."""

    kind = models.CharField(max_length=40)
    title = models.CharField(max_length=80)
    description = models.CharField(max_length=200)
    rate_mm_yr = models.FloatField(null=True, help_text="strongest rate, + up, or along the slope as rate_along says")
    rate_along = models.CharField(max_length=10, blank=True)
    speed_m_day = models.FloatField(null=True)
    size_m = models.FloatField(help_text="diameter of the circle of the same area")
    starts_on = models.DateField(null=True)
    ends_on = models.DateField(null=True)
    changed_on = models.DateField(null=True, help_text="day on which its rate changed")
    change_mm_yr = models.FloatField(null=True, help_text="change of rate_mm_yr on that day; same sign: faster")
    outline = models.MultiPolygonField(srid=4326)

    def __str__(self) -> str:
        return f"{self.title}: {self.description}"


class ElevationTile(OfLayer):
    """Elevation, slope and aspect of a tile, as a raster in storage: bands elevation_m, slope_deg, aspect_deg."""

    epsg = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    cols = models.PositiveIntegerField()
    posting_m = models.FloatField()
    footprint = models.MultiPolygonField(srid=4326)
    raster = models.FileField(storage=raster_storage, max_length=200)
