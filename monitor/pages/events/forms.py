"""Form with which operators report an event."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.gis.geos import Point
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ingest.areas import parse_position
from monitor.maps.map.place_search import NumberField, place_search
from monitor.pages.events.words import KIND_WORDS
from monitor.wording.figures import short

FARTHEST_KM, NEAREST_KM = 200.0, 0.5
FIRST_YEAR = 2014  # year of the first Sentinel-1 images


class EventForm(forms.Form):
    """Form for the kind, place, time and radius of an event."""

    kind = forms.ChoiceField(choices=list(KIND_WORDS.items()))
    place = forms.CharField(
        max_length=100,
        error_messages={"required": gettext_lazy("Type the name of a place, or coordinates such as 46.99, 9.68.")},
    )
    name = forms.CharField(max_length=120, required=False)
    happened_on = forms.DateField(
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"required": gettext_lazy("Choose the day it happened on.")},
    )
    happened_at = forms.TimeField(required=False, widget=forms.TimeInput(attrs={"type": "time"}))
    radius_km = NumberField(
        initial=10, error_messages={"required": gettext_lazy("Type how far around the place to look, in km.")}
    )

    def clean_place(self) -> str:
        """Set the position from coordinates or from the name of one place; return the text. Raises ValidationError."""
        text = self.cleaned_data["place"]
        at = parse_position(text)
        if at is None:
            hits = place_search(text).hits
            if not hits:
                raise forms.ValidationError(_("No place of this name is known. Type coordinates, such as 46.99, 9.68."))
            named = [hit for hit in hits if hit.name.casefold() == text.casefold()] or hits
            if len(named) > 1:
                names = "; ".join(f"{hit.name} ({hit.detail})" for hit in named[:4])
                several = _("Several places fit: %(names)s. Type more of the name, or coordinates.")
                raise forms.ValidationError(several % {"names": names})
            west, south, east, north = named[0].bounds
            at = (west + east) / 2, (south + north) / 2
        self.cleaned_data["position"] = Point(*at, srid=4326)
        return text

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
            "position": cleaned["position"],
            "radius_km": cleaned["radius_km"],
            "between": (first, first if moment else first + timedelta(days=1)),
        }
