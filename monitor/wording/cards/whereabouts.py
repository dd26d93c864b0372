"""Names of places, for many alerts at once; surroundings of one alert, and what they suggest about its cause."""

from collections.abc import Sequence

from django.contrib.gis.geos import GEOSGeometry

from detection.models import Alert, AlertCause
from ingest.context.selectors import MAX_NAMED, Contact, Whereabouts, context_at, whereabouts_of
from monitor.wording import surroundings as words
from monitor.wording.families.velocity import likely_causes
from monitor.wording.places import place_name
from monitor.wording.surroundings import JUDGED, because_sentences


def alert_places(alerts: Sequence[Alert]) -> list[tuple[str, Contact | None]]:
    """Return a place name and the responsible office for every alert, in a fixed number of queries."""
    return area_places([(alert.area, alert.simulated) for alert in alerts])


def area_names(areas: Sequence[tuple[GEOSGeometry, bool]]) -> list[str]:
    """Return a place name for each area (EPSG:4326) and its flag (simulated or not), in a fixed number of queries."""
    return [name for name, _contact in area_places(areas)]


def area_places(areas: Sequence[tuple[GEOSGeometry, bool]]) -> list[tuple[str, Contact | None]]:
    """Return a place name (as `area_names`) and the responsible office for each area, in a fixed number of queries."""
    points = [(point.x, point.y, simulated) for point, simulated in ((a.point_on_surface, s) for a, s in areas)]
    places = whereabouts_of(points=points)
    return [
        (
            place_name(
                *point,
                near=near_of(where),
                region=", ".join(dict.fromkeys(part for part in (where.region, where.country) if part)),
            ),
            where.contact,
        )
        for point, where in zip(points, places, strict=True)
    ]


def near_of(where: Whereabouts) -> str:
    """Return where a point is: 'Pozzuoli (Campi Flegrei)' or '3 km south of Aldwick'; empty if not known."""
    near = words.near_words(*where.near) if where.near else ""
    return f"{near} ({where.volcano})" if near and where.volcano else near or where.volcano


def surroundings(alert: Alert) -> tuple[list[str], str]:
    """Return sentences on the surroundings, and one on layers that are not loaded, for operators."""
    context = context_at(area=alert.area, simulated=alert.simulated)
    where, slides = context.whereabouts, context.landslides
    sentences = [
        words.where_sentence(near_of(where), where.region, where.country),
        words.mine_sentence([mine.name for mine in context.mines]),
        words.glacier_sentence([(glacier.name, glacier.surge) for glacier in context.glaciers]),
    ]
    if slides:
        latest = slides[0].happened_on, slides[0].accuracy_m
        sentences.append(words.landslide_sentence(len(slides), *latest, len(slides) >= MAX_NAMED))
    if context.ground:
        sentences.append(words.ground_sentence(*context.ground))
    return [sentence for sentence in sentences if sentence], words.missing_sentence(context.missing)


def with_surroundings(alert: Alert, sentences: Sequence[str]) -> list[str]:
    """Insert the evidence of the surroundings before the last of the sentences on causes, which states their basis."""
    cause = AlertCause.objects.filter(alert=alert).first()
    if cause is None or not sentences:
        return list(sentences)
    *causes, rests_on = sentences
    named = {name for _share, name in likely_causes(alert)}
    because = because_sentences(cause.across_m, cause.elongation, cause.terms, named)
    return [*causes, " ".join(because), f"{rests_on} {JUDGED}" if cause.terms else rests_on]
