"""Form with which operators report an event."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.gis.geos import Point
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from monitor.maps.map.place_search import NumberField, PlaceForm
from monitor.pages.events.words import KIND_WORDS
from monitor.wording.figures import short

FARTHEST_KM, NEAREST_KM = 200.0, 0.5
FIRST_YEAR = 2014  # year of the first Sentinel-1 images


class EventForm(PlaceForm):
    """Form for the kind, place, time and radius of an event."""

    kind = forms.ChoiceField(choices=list(KIND_WORDS.items()))
    name = forms.CharField(max_length=120, required=False)
    happened_on = forms.DateField(
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"required": gettext_lazy("Choose the day it happened on.")},
    )
    happened_at = forms.TimeField(required=False, widget=forms.TimeInput(attrs={"type": "time"}))
    radius_km = NumberField(
        initial=10, error_messages={"required": gettext_lazy("Type how far around the place to look, in km.")}
    )

    def clean_happened_on(self) -> Any:
        """Return the day. Raises ValidationError unless it lies between FIRST_YEAR and today."""
        day = self.cleaned_data["happened_on"]
        if day > timezone.now().date():
            raise forms.ValidationError(_("This day has not come yet."))
        if day.year < FIRST_YEAR:
            raise forms.ValidationError(_("There are no such images before %(year)s.") % {"year": str(FIRST_YEAR)})
        return day

    def clean_radius_km(self) -> float:
        """Return the radius, km. Raises ValidationError beyond its limits."""
        radius_km = float(self.cleaned_data["radius_km"])
        if not NEAREST_KM <= radius_km <= FARTHEST_KM:
            between = _("Type a distance between %(least)s and %(most)s km.")
            raise forms.ValidationError(between % {"least": short(NEAREST_KM), "most": short(FARTHEST_KM)})
        return radius_km

    def report(self) -> dict[str, Any]:
        """Return the arguments of `ml.events.event_report`. Without a time, the period is that day, 0 to 24 h UTC."""
        cleaned = self.cleaned_data
        moment = cleaned.get("happened_at")
        first = datetime.combine(cleaned["happened_on"], moment or time(), tzinfo=UTC)
        return {
            "kind": cleaned["kind"],
            "name": cleaned["name"] or cleaned["place"],
            "position": Point(*cleaned["position"], srid=4326),
            "radius_km": cleaned["radius_km"],
            "between": (first, first if moment else first + timedelta(days=1)),
        }
