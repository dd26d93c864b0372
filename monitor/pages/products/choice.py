"""Filters and order of the list of data sets, read from the address, and what they leave of fields and images."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import OrderBy, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from core.areas import box_of
from core.geos import geos
from ingest.models import Product, Scene
from ingest.products.selectors import last_date
from monitor.maps.map.place_search import LONGEST, place_search
from monitor.wording.components import COMPONENT_LABELS

GROUND = ("source_format", "simulated", "track", "burst")  # the same for the scenes of one stack
IMAGES = "images"
KINDS = [*COMPONENT_LABELS.items(), (IMAGES, gettext_lazy("radar images"))]
ORIGINS = [
    ("real", pgettext_lazy("of data", "measured")),
    ("simulated", pgettext_lazy("of data", "simulated")),
]
LATEST: OrderBy = last_date("dates").desc()
ORDERS: dict[str, tuple[Any, tuple[str | OrderBy, ...]]] = {
    "kind": (gettext_lazy("By kind and name"), ("component", "name", "pk")),
    "latest": (gettext_lazy("Latest data first"), (LATEST, "-pk")),
    "loaded": (gettext_lazy("Latest loaded first"), ("-loaded_at", "-pk")),
    "points": (gettext_lazy("Most points first"), ("-n_points", "-pk")),
}
MIN_YEAR, MAX_YEAR = 1970, 2100


class DataForm(forms.Form):
    """Form of filters and order. All fields are optional; invalid values are reported and ignored."""

    kind = forms.ChoiceField(choices=KINDS, required=False)
    origin = forms.ChoiceField(choices=ORIGINS, required=False)
    place = forms.CharField(max_length=LONGEST, required=False)
    since = forms.IntegerField(min_value=MIN_YEAR, max_value=MAX_YEAR, required=False)
    until = forms.IntegerField(min_value=MIN_YEAR, max_value=MAX_YEAR, required=False)
    sort = forms.ChoiceField(choices=[(name, label) for name, (label, _order) in ORDERS.items()], required=False)

    def clean_place(self) -> tuple[float, float, float, float] | None:
        """Return the box (degrees) around the place that the text names, or None. Raises ValidationError."""
        hits = place_search(self.cleaned_data["place"]).hits
        if self.cleaned_data["place"] and not hits:
            raise ValidationError(_("No place of this name was found."))
        return hits[0].bounds if hits else None


class DataChoice(NamedTuple):
    """What the filters leave: velocity fields in order, and usable images. narrows: whether any filter is set."""

    form: DataForm
    fields: QuerySet[Product]
    scenes: QuerySet[Scene]
    narrows: bool


def data_chosen(query: Mapping[str, str]) -> DataChoice:
    """Read the filters of an address and apply them to velocity fields and images."""
    form = DataForm(query)
    form.is_valid()
    wanted = form.cleaned_data
    fields = Product.objects.annotate(last_day=last_date("dates")).order_by(*ORDERS[wanted.get("sort") or "kind"][1])
    scenes = Scene.objects.ready()
    if kind := wanted.get("kind"):
        fields = fields.filter(component=kind)  # no velocity field has the kind of images
        scenes = scenes if kind == IMAGES else scenes.none()
    if origin := wanted.get("origin"):
        is_simulated = origin == "simulated"
        fields, scenes = fields.filter(simulated=is_simulated), scenes.filter(simulated=is_simulated)
    if bounds := wanted.get("place"):
        area = geos(box_of(bounds))
        fields, scenes = fields.filter(footprint__intersects=area), scenes.filter(footprint__intersects=area)
    if since := wanted.get("since"):
        fields, scenes = fields.filter(last_day__gte=date(since, 1, 1)), scenes.filter(acquired_at__year__gte=since)
    if until := wanted.get("until"):
        fields, scenes = fields.filter(dates__0__lte=date(until, 12, 31)), scenes.filter(acquired_at__year__lte=until)
    return DataChoice(form, fields, scenes, any(value for name, value in wanted.items() if name != "sort"))
