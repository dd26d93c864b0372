"""Place of a subscription: the form fields that choose it, and the search results that they offer."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from shapely import from_wkb

from ground_motion.core.errors import promised
from ground_motion.core.text import distinct_values
from ingest.context.regions import region_by_name, region_by_slug, regions_listed
from ingest.models import AdministrativeRegion
from monitor.maps.map.place_search import Hit, NumberField, place_search
from monitor.subscribers.subscriptions import given_files
from monitor.wording import regions
from monitor.wording.refusals import Refusal
from monitor.wording.regions import level_label

DISTANCES = [
    ("200", gettext_lazy("Street (200 m)")),
    ("800", gettext_lazy("Neighbourhood (800 m)")),
    ("2000", gettext_lazy("Town (2 km)")),
    ("own", gettext_lazy("Other")),
]
WHERE_WORDS = [
    ("circle", gettext_lazy("Around a place")),
    ("region", gettext_lazy("Region")),
    ("drawn", gettext_lazy("Drawn area")),
    ("boundary", gettext_lazy("Boundary file")),
]
KEEP = "keep"
REGION_MARK = "region:"  # Values of `hit` for a part of a region's address begin with this.
SAME_DEGREES = 2e-5
MAX_REGIONS = 8
Form = TypeVar("Form", bound="WhereForm")


class Offer(NamedTuple):
    """Search result to choose from. value: "latitude,longitude", or REGION_MARK and the slug of a region."""

    value: str
    name: str
    detail: str


class SeveralField(forms.MultipleChoiceField):
    """Field of several choices, each of which counts once."""

    def to_python(self, value: Any) -> list[str]:
        """Return each value once. Raises ValidationError for more values than there are choices."""
        most, words = len(self._values()), _("%(number)s were chosen; there are %(most)s.")
        return distinct_values(
            super().to_python(value), most, lambda n: forms.ValidationError(words, params={"number": n, "most": most})
        )

    def ticked(self, given: Sequence[str]) -> list[str]:
        """Return the choices that were given; any other value is left out."""
        sent = set(given)
        return [value for value in self._values() if value in sent]

    def _values(self) -> list[str]:
        return [value for value, _label in cast("Iterable[tuple[str, str]]", self.choices)]


class WhereForm(forms.Form):
    """Form to choose a place: a point with a distance, a region, a drawn area or a boundary file."""

    asks_geocoder = True

    where = forms.ChoiceField(choices=WHERE_WORDS)
    place = forms.CharField(required=False, max_length=100)
    hit = forms.CharField(required=False, max_length=200)
    region = forms.CharField(required=False, max_length=200)
    latitude, longitude = (
        NumberField(
            required=False,
            widget=forms.TextInput(attrs={"id": name, "autocomplete": "off", "placeholder": example}),
        )
        for name, example in (("latitude", "46.99"), ("longitude", "-12.00"))
    )
    distance = forms.ChoiceField(choices=DISTANCES, required=False)
    own_km = NumberField(required=False)
    drawn = forms.CharField(required=False, max_length=60_000, widget=forms.HiddenInput)
    boundary = forms.FileField(required=False)
    name = forms.CharField(required=False, max_length=80)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.offers: list[Offer] = []
        self.note = ""

    def clean(self) -> dict[str, Any]:
        """Set `region` in the cleaned data to the place that the other fields describe."""
        cleaned = super().clean() or {}
        if "where" in cleaned:
            try:
                cleaned["region"] = WHERE[cleaned["where"]](self, cleaned)
            except Refusal as refusal:
                self.add_error("where", refusal.error)
        return cleaned

    def search(self, text: str) -> None:
        """Set `offers` and `note` to the result of a search for a text, which may be anything that a visitor typed."""
        answer = place_search(text, addresses=self.asks_geocoder)
        self.offers, self.note = [offer for hit in answer.hits if (offer := _offer(hit))], answer.note

    def chosen_region(self) -> AdministrativeRegion | None:
        """Return the administrative region chosen by search, by typing its name, or by a link."""
        hit, text = str(self["hit"].value() or ""), str(self["region"].value() or "")
        if hit.startswith(REGION_MARK):
            return region_by_slug(slug=hit.removeprefix(REGION_MARK))
        return region_by_name(text=text) if text else None

    def _region(self, cleaned: dict[str, Any]) -> regions.Region:
        chosen = self.chosen_region()
        if chosen is not None:
            return regions.administrative(from_wkb(bytes(chosen.outline.wkb)), chosen.name)
        typed = " ".join((cleaned.get("region") or "").split())
        if not typed:
            raise Refusal(_("Type the name of a region."))
        similar = regions_listed(text=typed, covered=False)[:MAX_REGIONS]
        self.offers = [Offer(f"{REGION_MARK}{one.slug}", one.name, level_label(one.level)) for one in similar]
        if self.offers:
            raise Refusal(_("No region is called exactly so. Choose one of those below."))
        raise Refusal(_("No region called “%(name)s” is loaded here.") % {"name": typed[:60]})

    def _circle(self, cleaned: dict[str, Any]) -> regions.Region | None:
        if self.errors.keys() & {"latitude", "longitude", "own_km"}:
            return None
        hit = cleaned.get("hit") or ""
        if hit.startswith(REGION_MARK):
            return self._region(cleaned)
        longitude, latitude = cleaned.get("longitude"), cleaned.get("latitude")
        typed = None if longitude is None or latitude is None else (longitude, latitude)
        at: tuple[float, float] = _position(hit) or typed or self._only_one(cleaned)
        return regions.circle(*at, self._distance(cleaned), self._name_of(at, cleaned))

    def _only_one(self, cleaned: dict[str, Any]) -> tuple[float, float]:
        """Return longitude and latitude of the only place of the typed name. Raises Refusal for none or several."""
        text = cleaned.get("place") or ""
        if not text:
            raise Refusal(_("Search for a place, click it on the map, or type its latitude and longitude."))
        self.search(text)
        at = _position(self.offers[0].value) if len(self.offers) == 1 else None
        if at is not None:
            return at
        raise Refusal(_("Choose which of these places you mean.") if self.offers else self.note)

    def _name_of(self, at: tuple[float, float], cleaned: dict[str, Any]) -> str:
        """Return the searched place's name, looked up again so that nobody can put other texts into our mails."""
        text = cleaned.get("place") or ""
        if not text:
            return ""
        hits = place_search(text, addresses=bool(cleaned.get("hit")) and self.asks_geocoder).hits
        for hit in hits:
            if hit.at and max(abs(a - b) for a, b in zip(hit.at, at, strict=True)) < SAME_DEGREES:
                return "" if hit.detail == _("coordinates") else hit.name
        return ""

    def _distance(self, cleaned: dict[str, Any]) -> float:
        distance = cleaned.get("distance") or "2000"
        if distance != "own":
            return float(distance)
        if cleaned.get("own_km") is None:
            raise Refusal(_("Type the distance in kilometres."))
        return float(1000 * cleaned["own_km"])

    def _drawn(self, cleaned: dict[str, Any]) -> regions.Region:
        if not cleaned.get("drawn"):
            raise Refusal(_("Draw an area on the map first."))
        return regions.drawn(cleaned["drawn"])

    def _boundary(self, cleaned: dict[str, Any]) -> regions.Region:
        file: UploadedFile[Any] | None = cleaned.get("boundary")
        if file is None:
            none = _("Choose a file with a boundary.")
            raise Refusal(" ".join(map(str, self.errors.pop("boundary", []))) or none)
        name = promised(file.name)
        given_files.check_size(promised(file.size), given_files.MAX_BYTES, name)
        return given_files.boundary(content=file.read(), name=name)


class MoveForm(WhereForm):
    """Form of the place of an existing subscription, which may stay unchanged."""

    where = forms.ChoiceField(choices=[(KEEP, gettext_lazy("As it is")), *WHERE_WORDS])


WHERE: dict[str, Callable[[Any, dict[str, Any]], regions.Region | None]] = {
    KEEP: lambda form, cleaned: None,
    "circle": WhereForm._circle,
    "region": WhereForm._region,
    "drawn": WhereForm._drawn,
    "boundary": WhereForm._boundary,
}


def form_of(form_class: type[Form], request: HttpRequest, initial: dict[str, Any]) -> tuple[Form, int]:
    """Return the form of a page and the HTTP status to show it with; a POST of the search button only searches."""
    if request.method != "POST":
        return form_class(initial=initial), 200
    if "search" in request.POST:
        return searched(form_class, request.POST), 200
    return form_class(request.POST, request.FILES), 422


def searched(form_class: type[Form], data: QueryDict) -> Form:
    """Return an unbound form, and so without error messages, that keeps what was typed and has the search results."""
    filled = {
        name: field.ticked(data.getlist(name)) if isinstance(field, SeveralField) else data.get(name, "")
        for name, field in form_class.base_fields.items()
    }
    form = form_class(initial=filled | {"where": "circle", "hit": "", "latitude": "", "longitude": ""})
    form.search(data.get("place", ""))
    return form


def _offer(hit: Hit) -> Offer | None:
    if hit.at:
        return Offer(f"{hit.at[1]:.5f},{hit.at[0]:.5f}", hit.name, hit.detail)
    if hit.page:
        slug = hit.page.removeprefix(reverse("region-list")).rstrip("/")
        return Offer(f"{REGION_MARK}{slug}", hit.name, hit.detail)
    return None


def _position(value: str) -> tuple[float, float] | None:
    """Return longitude and latitude of an offer's value; None for other values."""
    try:
        latitude, longitude = (float(part) for part in value.split(","))
    except ValueError:
        return None
    return longitude, latitude
