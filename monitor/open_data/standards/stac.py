"""Collections of the STAC catalogue: velocity fields, radar images, and results of models."""

from typing import Any, ClassVar

from django.db.models import BooleanField, Case, DateTimeField, F, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast, Coalesce

from ingest.models import Scene
from ingest.products.selectors import last_date
from ml.models import ModelVersion, Prediction, Run
from monitor.open_data.standards import stac_items
from monitor.open_data.standards.collections import Rows
from monitor.open_data.standards.cql2 import Queryables
from monitor.open_data.standards.ground import OF_PRODUCTS, Products
from monitor.open_data.standards.queries import Filter, Query

SORTABLE = ("id", "datetime", "start_datetime", "end_datetime", "created")
LAST_DAY = Cast(last_date("dates"), DateTimeField())
FIRST_DAY = Cast(F("dates__0"), DateTimeField())


def _of_every_item(name: str, area: Any, first: Any, last: Any, created: str) -> dict[str, Any]:
    """Return the queryables that all collections share. datetime: the end, if an item covers a period."""
    ident, collection = Cast(F("pk"), TextField()), Value(name, TextField())
    moments = {"datetime": last, "start_datetime": first, "end_datetime": last, "created": created}
    return {"id": ident, "collection": collection, **moments, "geometry": area}


def _named(name: str) -> Filter:
    return Filter("the name once more, as some clients give it", (name,))


class VelocityFields(Products):
    """Velocity fields as STAC items."""

    feature_of = staticmethod(stac_items.of_product)
    name = stac_items.VELOCITY_FIELDS
    title = "Velocity fields"
    description = "Data sets of measurement points: velocities and, where there are any, series of displacements."
    filters = {"collections": _named(stac_items.VELOCITY_FIELDS)}
    queryables: ClassVar[Queryables] = {name: name for name in OF_PRODUCTS} | _of_every_item(
        name, "footprint", FIRST_DAY, LAST_DAY, "loaded_at"
    )
    items = {"item_assets": {"points": {"type": stac_items.GEOJSON, "roles": ["data"]}}}


class RadarImages(Rows):
    """Usable radar images as STAC items."""

    known, feature_of = staticmethod(Scene.objects.ready), staticmethod(stac_items.of_scene)
    name = stac_items.RADAR_IMAGES
    title = "Radar images"
    description = "Calibrated, map-projected radar images in one polarisation each; they are shown, not given out."
    filters = {"collections": _named(stac_items.RADAR_IMAGES)}
    queryables = {name: name for name in ("platform", "polarisation", "backscatter", "licence", "simulated")} | {
        "gsd": "posting_m",
        "sat:orbit_state": "direction",
        "sat:relative_orbit": "track",
        **_of_every_item(name, "footprint", "acquired_at", "acquired_at", "loaded_at"),
    }
    period = ("acquired_at", "acquired_at")


def _predictions() -> QuerySet[Prediction]:
    run = ("run__model_version", "run__product", "run__pair__reference", "run__pair__secondary")
    return (
        Prediction.objects.filter(run__state=Run.State.SUCCEEDED)
        .select_related(*run)
        .prefetch_related("run__companions")
    )


AREA = Coalesce("run__product__footprint", "run__pair__footprint")
PERIOD = (
    Coalesce(Cast(F("run__product__dates__0"), DateTimeField()), "run__pair__reference__acquired_at"),
    Coalesce(Cast(last_date("run__product__dates"), DateTimeField()), "run__pair__secondary__acquired_at"),
)
_FLAGS = ("run__product__simulated", "run__pair__reference__simulated", "run__pair__secondary__simulated")
SIMULATED = Case(
    When(Q.create([(flag, True) for flag in _FLAGS], connector=Q.OR), then=True),
    default=False,
    output_field=BooleanField(),
)


class Predictions(Rows):
    """Results of models as STAC items."""

    known, feature_of = staticmethod(_predictions), staticmethod(stac_items.of_prediction)
    name = stac_items.PREDICTIONS
    title = "Results of models"
    description = "Rasters that models made of velocity fields and of pairs of radar images, with their statistics."
    filters = {
        "collections": _named(stac_items.PREDICTIONS),
        "task": Filter("what was computed", tuple(ModelVersion.Task.values)),
    }
    queryables = {name: f"run__model_version__{name}" for name in ("task", "method", "version", "weights_sha256")} | {
        "simulated": SIMULATED,
        **_of_every_item(name, AREA, *PERIOD, "created_at"),
    }
    period = PERIOD
    items = {"item_assets": {"raster": {"type": stac_items.COG, "roles": ["data"]}}}

    def rows(self, query: Query) -> QuerySet[Prediction]:
        """Return the results that fit the query."""
        found = super().rows(query._replace(during=None))
        if query.during is None:  # the ends of a velocity field are days, those of a pair are moments
            return found
        start, end = query.during
        by_product = Q(run__product__dates__0__lte=end.date(), last__gte=start.date())
        by_pair = Q(run__pair__reference__acquired_at__lte=end, run__pair__secondary__acquired_at__gte=start)
        return found.alias(last=last_date("run__product__dates")).filter(by_product | by_pair)
