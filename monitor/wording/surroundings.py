"""Surroundings of a place in words. Pure: names and figures in, sentences out."""

from collections.abc import Sequence
from datetime import date

from monitor.wording.compass import compass
from monitor.wording.dates import day_words

FLAT_DEG = 2.0
SURGE_WORDS = {
    "observed": "which is known to surge",
    "probable": "which probably surges",
    "possible": "which may surge",
    "none": "which is not known to surge",
    "unknown": "",
}
KIND_WORDS = {
    "regions": "administrative regions",
    "places": "names of places",
    "glaciers": "outlines of glaciers",
    "mines": "outlines of mines",
    "landslides": "reported landslides",
    "elevation": "elevation",
    "buildings": "buildings",
    "roads": "roads",
    "railways": "railways",
    "population": "people per cell",
    "rivers": "rivers and streams",
    "lakes": "lakes",
}


def near_words(name: str, distance_m: float, bearing_deg: float) -> str:
    """'3 km south of Aldwick'; the name alone within a kilometre. bearing_deg: seen from the place, from north."""
    if distance_m < 1000:
        return name
    return f"{distance_m / 1000:.0f} km {compass(bearing_deg)} of {name}"


def where_sentence(near: str, region: str, country: str) -> str:
    """'3 km south of Aldwick, in Westshore, Atlantis.'; empty where nothing is known."""
    inside = ", ".join(dict.fromkeys(part for part in (region, country) if part))
    if near and inside:
        return f"{_capital(near)}, in {inside}."
    return f"{_capital(near)}." if near else f"In {inside}." if inside else ""


def mine_sentence(names: Sequence[str]) -> str:
    """names: of the mines that the area touches, '' for one without a name."""
    known = _listed([name for name in names if name])
    if not names:
        return ""
    if known:
        return f"It touches the known outline of {'a mine' if len(names) == 1 else f'{len(names)} mines'}: {known}."
    return f"It touches the known outline of {'a mine' if len(names) == 1 else f'{len(names)} mines'}."


def glacier_sentence(glaciers: Sequence[tuple[str, str]]) -> str:
    """glaciers: name ('' without one) and surge flag of those that the area touches."""
    if not glaciers:
        return ""
    parts = []
    for name, surge in glaciers[:3]:
        words = SURGE_WORDS.get(surge, "")
        parts.append(f"{name or 'a glacier without a name'}{f', {words}' if words else ''}")
    more = f", and {len(glaciers) - 3} more" if len(glaciers) > 3 else ""
    return f"On a glacier: {'; '.join(parts)}{more}."


def landslide_sentence(count: int, last: date | None, accuracy_m: float | None, more: bool = False) -> str:
    """count: reported within 5 km; last, accuracy_m: of the latest one; more: there are more than were counted."""
    if not count:
        return ""
    some = "One landslide was" if count == 1 else f"{'At least ' if more else ''}{count} landslides were"
    when = f", {'' if count == 1 else 'the last one '}on {day_words(last)}" if last else ""
    if accuracy_m is None:
        sure = "the exact place is not known"
    elif accuracy_m < 1000:
        sure = "the exact place is known"
    else:
        sure = f"its place is known to about {accuracy_m / 1000:.0f} km"
    return f"{some} reported within 5 km{when} ({sure})."


def ground_sentence(elevation_m: float, slope_deg: float, aspect_deg: float | None) -> str:
    """aspect_deg: the way down, clockwise from north; None where there is no one way."""
    height = f"The ground lies about {round(elevation_m, -1) if abs(elevation_m) >= 100 else round(elevation_m):.0f} m"
    if elevation_m < 0:
        height = f"The ground lies about {-elevation_m:.0f} m below sea level"
    else:
        height += " above sea level"
    if slope_deg != slope_deg:
        return f"{height}."
    if slope_deg < FLAT_DEG:
        return f"{height} and is nearly flat."
    way = f", mostly to the {compass(aspect_deg)}" if aspect_deg is not None else ""
    return f"{height} and slopes by about {slope_deg:.0f}°{way}."


def missing_sentence(kinds: Sequence[str]) -> str:
    """What is not loaded, for those who run the service."""
    if not kinds:
        return ""
    return f"Not loaded: {_listed([KIND_WORDS[kind] for kind in kinds])} (manage.py loadcontext)."


def _listed(parts: Sequence[str]) -> str:
    shown = [*parts[:5], f"{len(parts) - 5} more"] if len(parts) > 6 else list(parts)
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
