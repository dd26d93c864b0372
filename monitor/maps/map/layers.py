"""Layers of points that the map can show."""

from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ingest.models import Product
from ingest.products.selectors import products_public
from monitor.wording.components import both_directions

PERIOD_FROM_ZOOM = 12  # Tiles of lower zooms show the stated rates, not those of a period.


class Layer(NamedTuple):
    """Layer of points: component, technique and direction select its products; direction None selects all."""

    name: str
    label: Promise
    component: str
    description: Promise
    direction: str | None = None
    technique: str = "insar"

    def products(self) -> QuerySet[Product]:
        """Return the current products that the layer shows."""
        products = products_public().filter(component=self.component, technique=self.technique)
        return products if self.direction is None else products.filter(direction=self.direction)

    def as_dict(self) -> dict[str, Any]:
        """Return the layer as JSON for the configuration of a map."""
        negative, positive = both_directions(self.component)
        return {
            "name": self.name,
            "component": self.component,
            "label": str(self.label),
            "description": str(self.description),
            "negative_word": negative,
            "positive_word": positive,
            "fast": self.technique == "tracking",
        }


LAYERS = (
    Layer(
        "los", _("Line of sight, all tracks"), "los", _("How fast each point moves away from or toward the satellite.")
    ),
    Layer(
        "ascending",
        _("Line of sight, ascending"),
        "los",
        _("Seen from the west, on passes from south to north."),
        "ascending",
    ),
    Layer(
        "descending",
        _("Line of sight, descending"),
        "los",
        _("Seen from the east, on passes from north to south."),
        "descending",
    ),
    Layer("vertical", _("Up and down"), "up", _("Vertical motion, where two directions were combined.")),
    Layer("east", _("East and west"), "east", _("Sideways motion, where two directions were combined.")),
    Layer(
        "tracked-east",
        _("Ice and fast ground, east and west"),
        "east",
        _("Followed from image to image, in metres a year."),
        technique="tracking",
    ),
    Layer(
        "tracked-north",
        _("Ice and fast ground, north and south"),
        "north",
        _("Followed from image to image, in metres a year."),
        technique="tracking",
    ),
)
BY_NAME = {layer.name: layer for layer in LAYERS}
