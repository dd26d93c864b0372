"""Words of bulletins: headline, and the change of each place with rain and groundwater."""

from collections.abc import Mapping
from datetime import date
from types import SimpleNamespace
from typing import Any, NamedTuple

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from detection.kinds import KIND_LABELS
from detection.rules.motion import Figure, changed
from monitor.wording.dates import day_words, days_words
from monitor.wording.families.changes import change_sentences
from monitor.wording.figures import decimal, length_words, listed, whole

MIN_METRES = 0.05  # smaller differences of the groundwater level are reported as none


class PlaceWords(NamedTuple):
    """Place of a bulletin in words. number: on the map; more: what shows it, and what rain and groundwater did."""

    number: int
    name: str
    kind_label: str
    code: str
    sentences: list[str]
    more: list[str]
    place: Mapping[str, Any]


class RegionWords(NamedTuple):
    """Region of a bulletin in words, with its places in order of kind."""

    slug: str
    name: str
    comment: str
    places: list[PlaceWords]


def headline(n: int, first: date, last: date) -> str:
    """Return the first sentence: 'At 3 places, the ground changed its speed between 5 June and 2 December 2023.'."""
    when = days_words(first, last)
    if not n:
        # Translators: %(when)s is "between 5 June and 2 December 2023"
        return _("Nowhere did the ground clearly change its speed %(when)s.") % {"when": when}
    words = ngettext(
        "At one place, the ground changed its speed %(when)s.",
        "At %(n)s places, the ground changed its speed %(when)s.",
        n,
    )
    return words % {"n": whole(n), "when": when}


def tested_sentence(content: Mapping[str, Any]) -> str:
    """Return how much ground was tested: clusters of points, in how many data sets."""
    words = ngettext(
        "%(clusters)s clusters of points of one data set were tested.",
        "%(clusters)s clusters of points of %(n)s data sets were tested.",
        content["n_fields"],
    )
    return words % {"clusters": whole(content["n_clusters"]), "n": whole(content["n_fields"])}


def still_sentence(content: Mapping[str, Any]) -> str:
    """Return one sentence on the regions in which clusters were tested and none changed; empty without any."""
    names = [_own_name(one) for one in content["still"]]
    return _("No change was found among the points in %(regions)s.") % {"regions": listed(names)} if names else ""


def provisional_in_words(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the code of each alert from new passes, and its words in the reader's language."""
    rows = content.get("provisional", ())  # Bulletins of earlier releases have none.
    return [(row["code"], row["words"].get(get_language(), row["words"]["en"])) for row in rows]


def regions_in_words(content: Mapping[str, Any], comments: Mapping[str, str]) -> list[RegionWords]:
    """Return the regions of a bulletin; its places are numbered consecutively."""
    regions, number = [], 0
    for region in content["regions"]:
        places = sorted(map(_place, region["places"]), key=lambda one: one.kind_label)
        numbered = [place._replace(number=number + at) for at, place in enumerate(places, 1)]
        number += len(places)
        name = _own_name(region) or _("Outside the loaded regions")
        regions.append(RegionWords(region["slug"], name, comments.get(region["slug"], ""), numbered))
    return regions


def _own_name(region: Mapping[str, Any]) -> str:
    """Return the name of a region in the reader's language, if its file has one."""
    return str(region["names"].get(get_language(), region["name"]))


def _place(place: Mapping[str, Any]) -> PlaceWords:
    change = SimpleNamespace(**dict(place) | {"changed_on": date.fromisoformat(place["changed_on"])})
    first, last = (date.fromisoformat(place["fit"]["dates"][at]) for at in (0, -1))
    whole_series = Figure(change.rate_mm_yr, change.rate_sigma_mm_yr, first, last, along=place["component"])
    sentences = change_sentences("", changed(whole_series, change, change.rate_sigma_mm_yr))
    if place["in_bulletin_of"]:
        day = day_words(date.fromisoformat(place["in_bulletin_of"]))
        sentences.append(_("This change was already in the bulletin of %(day)s.") % {"day": day})
    label = str(KIND_LABELS[place["kind"]]) if place["kind"] else _("No alert here yet")
    more = [_shown_by(place), *(_gauge(one, place) for one in place["gauges"])]
    name = place["names"].get(get_language()) or next(iter(place["names"].values()))
    return PlaceWords(0, name, label, place["code"], sentences, more, place)


def _shown_by(place: Mapping[str, Any]) -> str:
    shown = ngettext(
        "%(n)s point lies here; %(alone)s of them shows the change individually.",
        "%(n)s points lie here; %(alone)s of them show the change individually.",
        place["n_points"],
    ) % {"n": whole(place["n_points"]), "alone": whole(place["n_changed"])}
    if place["n_fields"] < 2:
        return shown
    return shown + " " + _("%(n)s data sets agree.") % {"n": whole(place["n_fields"])}


def _gauge(gauge: Mapping[str, Any], place: Mapping[str, Any]) -> str:
    """Return a sentence on rain (mm in the period) or groundwater (m above or below the level of earlier years)."""
    where = {"name": gauge["code"], "away": length_words(gauge["away_km"])}
    days = (date.fromisoformat(place["last_day"]) - date.fromisoformat(place["first_day"])).days
    if gauge["kind"] == "rain":
        rain = where | {"rain": whole(gauge["mean"] * days), "usual": whole((gauge["usual"] or 0.0) * days)}
        # Translators: %(name)s is a gauge, %(away)s is "4 km"
        alone = _("Rain in this period at %(name)s (%(away)s away): %(rain)s mm.")
        compared = _("Rain in this period at %(name)s (%(away)s away): %(rain)s mm; usually %(usual)s mm.")
        return (alone if gauge["usual"] is None else compared) % rain
    if gauge["usual"] is None:
        return _("Groundwater at %(name)s (%(away)s away): no earlier years to compare with.") % where
    difference = gauge["mean"] - gauge["usual"]
    level = _("Groundwater at %(name)s (%(away)s away): %(metres)s m lower than in earlier years.")
    if abs(difference) < MIN_METRES:
        level = _("Groundwater at %(name)s (%(away)s away): as high as in earlier years.")
    elif difference > 0:
        level = _("Groundwater at %(name)s (%(away)s away): %(metres)s m higher than in earlier years.")
    return level % (where | {"metres": decimal(abs(difference), 1)})
