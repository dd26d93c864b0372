"""Filters of the list of alerts, read from the query string, and the number of alerts for each filter value."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.gis.geos import MultiPolygon
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from detection.kinds import KIND_LABELS
from detection.lists import AlertCount, Order, Period, alerts_matching, alerts_within
from detection.models import Alert
from detection.rules.lifecycle import State
from detection.rules.severity import Severity
from detection.selectors import PUBLIC_STATES
from ingest.context.regions import region_by_name
from ingest.models import AdministrativeRegion
from monitor.wording.cards.filters import alerts_touching
from monitor.wording.refusals import Refusal, area_of
from monitor.wording.states import STATE_LABELS

KINDS = list(KIND_LABELS.items())
STATES = [(state.value, STATE_LABELS[state][0]) for state in State]
GRADES = (
    pgettext_lazy("importance", "low"),
    pgettext_lazy("importance", "medium"),
    pgettext_lazy("importance", "high"),
)
SEVERITIES = [(step.value, label) for step, label in zip(Severity, GRADES, strict=True)]
ORDERS = [
    (Order.IMPORTANT.value, gettext_lazy("Most important first")),
    (Order.CHANGED.value, gettext_lazy("Latest change first")),
    (Order.FOUND.value, gettext_lazy("Latest found first")),
    (Order.LARGEST.value, gettext_lazy("Largest first")),
]
FACETS = (
    ("kind", pgettext_lazy("of an alert", "Kind"), gettext_lazy("Any kind"), KINDS),
    ("state", pgettext_lazy("of an alert", "State"), gettext_lazy("Any state"), STATES),
    ("severity", gettext_lazy("Importance"), gettext_lazy("Any importance"), SEVERITIES),
)
NOT_OF_FEEDS = {"sort"}
DAY = forms.DateInput(attrs={"type": "date"})


class ChoiceForm(forms.Form):
    """Form of filters and order. All fields are optional; invalid values are reported and ignored."""

    kind = forms.ChoiceField(choices=KINDS, required=False)
    state = forms.ChoiceField(choices=STATES, required=False)
    severity = forms.ChoiceField(choices=SEVERITIES, required=False)
    sort = forms.ChoiceField(choices=ORDERS, required=False)
    region = forms.CharField(max_length=200, required=False)
    bbox = forms.CharField(max_length=200, required=False)
    found_from = forms.DateField(required=False, widget=DAY)
    found_to = forms.DateField(required=False, widget=DAY)
    moving_from = forms.DateField(required=False, widget=DAY)
    moving_to = forms.DateField(required=False, widget=DAY)

    def clean_region(self) -> AdministrativeRegion | None:
        """Return the region that the text names, or None. Raises ValidationError if no such region is loaded."""
        text = self.cleaned_data["region"]
        region = region_by_name(text=text) if text else None
        if text and region is None:
            raise forms.ValidationError(
                _("No region called “%(name)s” is loaded.") % {"name": text[:60]}, code="region"
            )
        return region

    def clean_bbox(self) -> MultiPolygon | None:
        """Convert the box to an area, or None. Raises ValidationError."""
        text = self.cleaned_data["bbox"]
        try:
            return area_of(text) if text else None
        except Refusal as refusal:
            raise forms.ValidationError(f"{refusal.error.capitalize()}. {refusal.remedy}") from refusal


class Choice:
    """The filters of one request. Invalid values are ignored and listed in `faults`."""

    def __init__(self, query: Any) -> None:
        self.form = ChoiceForm(query)
        self.form.is_valid()
        self.values = self.form.cleaned_data
        self.faults = [fault for faults in self.form.errors.values() for fault in faults]
        self.region: AdministrativeRegion | None = self.values.get("region")

    @cached_property
    def where_and_when(self) -> dict[str, Any]:
        """Return the chosen box, the region's alerts and periods, as arguments of the queries for alerts."""
        found, moving = (
            Period(self.values.get(f"{name}_from"), self.values.get(f"{name}_to")) for name in ("found", "moving")
        )
        among = alerts_touching(self.region) if self.region else None
        return {"area": self.values.get("bbox"), "among": among, "found": found, "moving": moving}

    def alerts(self) -> QuerySet[Alert]:
        """Return the alerts that match all filters, in the chosen order."""
        named = {name: self.values.get(name, "") for name, *_ in FACETS}
        return alerts_matching(**named, **self.where_and_when, order=Order(self.values.get("sort") or Order.IMPORTANT))

    def alerts_around(self) -> QuerySet[Alert]:
        """Return the alerts of all kinds, states and severities in the chosen area and periods."""
        return alerts_within(**self.where_and_when)

    def query(self, for_feeds: bool = False) -> str:
        """Return the chosen filters as a query string. for_feeds: leave out the order of the list."""
        return urlencode(
            {
                name: self.region.slug if name == "region" and self.region else self.form.data.get(name)
                for name in self.form.fields
                if self.values.get(name) and not (for_feeds and name in NOT_OF_FEEDS)
            },
            safe=",",
        )

    def facets(self, counts: Sequence[AlertCount]) -> list[dict[str, Any]]:
        """Return kind, state and severity with their values and counts; each count applies the other two filters."""
        return [
            {
                "name": name,
                "label": label,
                "any_label": any_label,
                "total": self.n_alerts(counts, **{name: ""}),
                "chosen": self.values.get(name),
                "options": [(value, text, self.n_alerts(counts, **{name: value})) for value, text in choices],
            }
            for name, label, any_label, choices in FACETS
        ]

    def n_alerts(self, counts: Iterable[AlertCount], **instead: str) -> int:
        """Return the number of alerts that match the filters. instead: values that replace chosen ones."""
        wanted = {name: self.values.get(name, "") for name, *_ in FACETS} | instead
        states = {wanted["state"]} if wanted["state"] else PUBLIC_STATES
        return sum(
            count.n
            for count in counts
            if count.state in states
            and wanted["kind"] in {"", count.kind}
            and wanted["severity"] in {"", count.severity}
        )
