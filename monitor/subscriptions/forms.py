"""The forms of the subscription pages. What a region must be stands in monitor/wording/regions.py."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from shapely import from_wkb

from detection.kinds import KIND_LABELS
from ingest.context.regions import region_by_name
from ingest.models import AdministrativeRegion
from monitor.map.number_field import NumberField
from monitor.models import Subscription
from monitor.wording import regions
from monitor.wording.refusals import Refusal

DISTANCES = [
    ("200", gettext_lazy("My street (200 m)")),
    ("800", gettext_lazy("My neighbourhood (800 m)")),
    ("2000", gettext_lazy("My town (2 km)")),
    ("own", gettext_lazy("Another distance")),
]
SEVERITY_WORDS = [
    ("minor", gettext_lazy("Any motion")),
    (
        "moderate",
        gettext_lazy(
            "Medium and high importance: over 10 mm a year, a square kilometre, or many buildings or people on it"
        ),
    ),
    (
        "strong",
        gettext_lazy(
            "High importance only: over 50 mm a year, or over 10 mm under many buildings, people or a railway"
        ),
    ),
]
EXPOSURE_WORDS = [
    ("0", gettext_lazy("Whatever stands there")),
    ("1", gettext_lazy("Where somebody lives or a building stands")),
    ("10", gettext_lazy("Where at least 10 people live or 10 buildings stand")),
    ("100", gettext_lazy("Where at least 100 people live or 100 buildings stand")),
]
FREQUENCY_WORDS = [
    (Subscription.Frequency.AT_ONCE.value, gettext_lazy("At once: within minutes, and at most one mail an hour")),
    (
        Subscription.Frequency.DAILY.value,
        gettext_lazy("Once a day: one mail in the morning, if there is something new"),
    ),
    (
        Subscription.Frequency.WEEKLY.value,
        gettext_lazy("Once a week: one mail on Monday, if there is something new"),
    ),
]


class ChoiceForm(forms.Form):
    """Where, what and how often: all that a preview needs."""

    where = forms.ChoiceField(
        choices=[
            ("circle", gettext_lazy("Around a place")),
            ("region", gettext_lazy("A whole region")),
            ("drawn", gettext_lazy("An area that I draw")),
        ]
    )
    region = forms.CharField(required=False, max_length=200)
    latitude = NumberField(required=False)
    longitude = NumberField(required=False)
    distance = forms.ChoiceField(choices=DISTANCES, required=False)
    own_km = NumberField(required=False)
    drawn = forms.CharField(required=False, max_length=60_000, widget=forms.HiddenInput)
    kinds = forms.MultipleChoiceField(
        choices=list(KIND_LABELS.items()),
        error_messages={"required": gettext_lazy("Choose at least one kind of motion.")},
    )
    lowest_severity = forms.ChoiceField(choices=SEVERITY_WORDS)
    unreviewed = forms.BooleanField(required=False)
    updates = forms.BooleanField(required=False)
    least_exposure = forms.TypedChoiceField(choices=EXPOSURE_WORDS, coerce=int, empty_value=0, required=False)
    frequency = forms.ChoiceField(choices=FREQUENCY_WORDS)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "where" in cleaned:
            try:
                cleaned["region"] = WHERE[cleaned["where"]](self, cleaned)
            except Refusal as refusal:
                self.add_error("where", refusal.error)
        return cleaned

    def choice(self) -> dict[str, Any]:
        """The choices, by the names of the services' parameters."""
        names = ("region", "kinds", "lowest_severity", "unreviewed", "updates", "least_exposure", "frequency")
        return {name: self.cleaned_data[name] for name in names}

    def chosen_region(self) -> AdministrativeRegion | None:
        """The administrative region that was typed, or filled in by a link."""
        text = str(self["region"].value() or "")
        return region_by_name(text=text) if text else None

    def _region(self, cleaned: dict[str, Any]) -> regions.Region:
        chosen = self.chosen_region()
        if chosen is None:
            typed = cleaned.get("region") or ""
            unknown = _("No region called “%(name)s” is loaded here.") % {"name": typed[:60]}
            raise Refusal(unknown if typed else _("Type the name of a region."))
        return regions.administrative(from_wkb(bytes(chosen.outline.wkb)), chosen.name)

    def _circle(self, cleaned: dict[str, Any]) -> regions.Region | None:
        if self.errors.keys() & {"latitude", "longitude", "own_km"}:
            return None
        if cleaned.get("latitude") is None or cleaned.get("longitude") is None:
            raise Refusal(_("Click the place on the map, or type its latitude and longitude."))
        distance = cleaned.get("distance") or "2000"
        if distance != "own":
            return regions.circle(cleaned["longitude"], cleaned["latitude"], float(distance))
        if cleaned.get("own_km") is None:
            raise Refusal(_("Type the distance in kilometres."))
        return regions.circle(cleaned["longitude"], cleaned["latitude"], 1000 * cleaned["own_km"])

    def _drawn(self, cleaned: dict[str, Any]) -> regions.Region:
        if not cleaned.get("drawn"):
            raise Refusal(_("Draw an area on the map first."))
        return regions.drawn(cleaned["drawn"])


WHERE: dict[str, Callable[[ChoiceForm, dict[str, Any]], regions.Region | None]] = {
    "circle": ChoiceForm._circle,
    "region": ChoiceForm._region,
    "drawn": ChoiceForm._drawn,
}


class EmailForm(forms.Form):
    """One field."""

    email = forms.EmailField(
        max_length=254,
        error_messages={
            "required": gettext_lazy("Type your e-mail address."),
            "invalid": gettext_lazy("This does not look like an e-mail address, such as name@example.org."),
        },
    )


class SubscribeForm(EmailForm, ChoiceForm):
    """The whole page; the address comes last."""
