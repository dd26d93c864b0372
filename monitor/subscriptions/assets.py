"""Lists of sites: read from a table, kept beside a subscription, and which of them lie in moving ground."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from django.contrib.gis.geos import GEOSGeometry
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from shapely import MultiPolygon, to_wkb

from detection.models import Alert
from detection.rules.lifecycle import State
from ingest.errors import one_line
from ingest.readers.context.text import search_key
from monitor.models import Asset, Notification, Subscription
from monitor.subscriptions.boundaries import check_size, shown_name
from monitor.wording import regions
from monitor.wording.figures import listed, whole
from monitor.wording.refusals import Refusal

MOST_BYTES = 2**20
MOST_ROWS = 2000
LONGEST_NAME = 120
CORNERS = 24  # of the outline of one site
FAULTS_NAMED = 3
MOST_NAMED = 10
HEADERS = {  # as search_key writes them; the particular before the general
    "latitude": ("latitude", "lat", "breite", "breitengrad", "latitud", "geogr breite", "wgs84 lat", "y"),
    "longitude": (
        "longitude",
        "lon",
        "lng",
        "long",
        "lange",
        "langengrad",
        "longitud",
        "geogr lange",
        "wgs84 lon",
        "x",
    ),
    "name": (
        *("name", "site", "asset", "site name", "asset name", "standort", "objekt", "bezeichnung", "nom", "lieu"),
        *("nombre", "sitio", "label", "title", "id"),
    ),
    "km": ("radius km", "distance km", "umkreis km", "rayon km", "radio km"),
    "metres": (
        *("radius m", "radius", "distance m", "distance", "umkreis m", "umkreis", "rayon m", "rayon", "radio m"),
        *("radio", "buffer", "puffer"),
    ),
}


class SiteArea(NamedTuple):
    """One row of a list: a point in degrees, and the outline of what lies within its radius."""

    name: str
    longitude: float
    latitude: float
    radius_m: float
    area: MultiPolygon


def sites_read(*, content: bytes, name: str, radius_m: float) -> list[SiteArea]:
    """The sites of a CSV: one row each, by aliases of column names; all of them, or none.

    Comma, semicolon or tab; decimal point or comma; UTF-8 with or without a mark, else Windows-1252.
    name: of the file; radius_m: of rows that have none. Raises Refusal, which names row, value and remedy.
    """
    file = shown_name(name)
    check_size(len(content), MOST_BYTES, name)
    rows = _rows(content, file)
    columns = _columns(next(rows, []), file)
    sites, faults, n_rows = [], [], 0
    for number, row in enumerate(islice(rows, MOST_ROWS + 1), start=2):
        if not any(cell.strip() for cell in row):
            continue
        n_rows += 1
        try:
            sites.append(_site(row, columns, n_rows, radius_m))
        except Refusal as refusal:
            faults.append(_("Row %(row)s: %(problem)s") % {"row": whole(number), "problem": refusal.error})
    if n_rows > MOST_ROWS:
        refusal = _("“%(file)s” has more than %(most)s sites. Split it into several subscriptions.")
        raise Refusal(refusal % {"file": file, "most": whole(MOST_ROWS)})
    if faults:
        raise Refusal(_faults(faults, file))
    if not sites:
        raise Refusal(_("“%(file)s” has no row below its header. Add one row for each site.") % {"file": file})
    return sites


def sites_region(sites: Sequence[SiteArea]) -> regions.Region:
    """All sites as one region. Raises Refusal where it is too large."""
    return regions.discs([site.area for site in sites])


def assets_replace(*, subscription: Subscription, sites: Sequence[SiteArea]) -> None:
    """Keep these sites instead of the ones before; within the caller's transaction."""
    Asset.objects.filter(subscription=subscription).delete()
    Asset.objects.bulk_create(
        [
            Asset(
                subscription=subscription,
                name=site.name,
                longitude=site.longitude,
                latitude=site.latitude,
                radius_m=site.radius_m,
                area=GEOSGeometry(memoryview(to_wkb(site.area)), srid=4326),
            )
            for site in sites
        ],
        batch_size=500,
    )


def assets_concerned(*, alerts: Iterable[int], subscriptions: Iterable[int]) -> dict[tuple[int, int], dict[int, str]]:
    """The sites of these subscriptions within these alerts: names by id, by subscription and alert. One query."""
    pairs = Asset.objects.raw(
        "SELECT asset.id, asset.name, asset.subscription_id, alert.id AS alert_id FROM monitor_asset asset"
        " JOIN detection_alert alert ON ST_Intersects(asset.area, alert.area)"
        " WHERE alert.id = ANY(%s) AND asset.subscription_id = ANY(%s) ORDER BY asset.id",
        [list(alerts), list(subscriptions)],
    )
    found: dict[tuple[int, int], dict[int, str]] = {}
    for pair in pairs:
        found.setdefault((pair.subscription_id, pair.alert_id), {})[pair.pk] = pair.name
    return found


def sites_now(subscription: Subscription) -> str:
    """Which sites of a list lie in ground that moves, of the kinds that are wanted; empty where it is no list."""
    if not subscription.n_assets:
        return ""
    states = [State.CONFIRMED.value, *([State.FIRST.value, State.PROVISIONAL.value] * subscription.unreviewed)]
    alerts = Alert.objects.filter(state__in=states, kind__in=subscription.kinds, area__intersects=subscription.region)
    found = assets_concerned(alerts=alerts.values_list("pk", flat=True), subscriptions=[subscription.source])
    names = {pk: name for one in found.values() for pk, name in one.items()}
    return sites_sentence([names[pk] for pk in sorted(names)], subscription)


def sites_sentence(names: Sequence[str], subscription: Subscription) -> str:
    """'12 of your 340 sites lie in moving ground: Dam, Mill and 10 more.' names: of those concerned."""
    n, of = len(names), subscription.n_assets
    if of == 1:
        one = _("Your site %(name)s lies in moving ground.") % {"name": names[0]} if n else ""
        return one or _("Your site does not lie in moving ground.")
    if not n:
        return _("None of your %(all)s sites lies in moving ground.") % {"all": whole(of)}
    sentence = ngettext(
        "%(n)s of your %(all)s sites lies in moving ground: %(names)s.",
        "%(n)s of your %(all)s sites lie in moving ground: %(names)s.",
        n,
    )
    return sentence % {"n": whole(n), "all": whole(of), "names": _named(names)}


def concerned_read(*, news: Sequence[Notification]) -> None:
    """Read the sites that news are about, for all of them in one query where there is a list, else in none."""
    of_lists = [one for one in news if one.subscription.n_assets and one.transition.alert.state != State.REJECTED]
    lists, alerts = {one.subscription.source for one in of_lists}, {one.transition.alert_id for one in of_lists}
    found = assets_concerned(alerts=alerts, subscriptions=lists) if lists else {}
    for one in news:
        one.sites = found.get((one.subscription.source, one.transition.alert_id), {})


def sites_of_news(news: Sequence[Notification]) -> list[str]:
    """Which sites a mail is about, a sentence for each list of sites."""
    if any(one.sites is None for one in news):
        concerned_read(news=news)
    lists: dict[int, Subscription] = {}
    found: dict[int, dict[int, str]] = {}
    for one in news:
        if one.sites:
            lists[one.subscription.source] = one.subscription
            found.setdefault(one.subscription.source, {}).update(one.sites)
    sentences = []
    for subscription, names in found.items():
        if lists[subscription].n_assets == 1:
            sentences.append(_("Your site %(name)s is concerned.") % {"name": next(iter(names.values()))})
            continue
        sentence = ngettext(
            "%(n)s of your %(all)s sites is concerned: %(names)s.",
            "%(n)s of your %(all)s sites are concerned: %(names)s.",
            len(names),
        )
        figures = {"n": whole(len(names)), "all": whole(lists[subscription].n_assets)}
        sentences.append(sentence % {**figures, "names": _named([names[pk] for pk in sorted(names)])})
    return sentences


def _named(names: Sequence[str]) -> str:
    """'Dam, Mill and 10 more'."""
    more = len(names) - MOST_NAMED
    rest = [ngettext("%(n)s more", "%(n)s more", more) % {"n": whole(more)}] if more > 0 else []
    return listed([*names[:MOST_NAMED], *rest])


def _rows(content: bytes, file: str):
    try:
        text = content.decode("utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    if "\0" in text:
        raise Refusal(_("“%(file)s” is no table of text. Export it as CSV.") % {"file": file})
    header = text.lstrip().partition("\n")[0]
    delimiter = max(";\t,", key=header.count)
    try:
        yield from csv.reader(io.StringIO(text.lstrip(), newline=""), delimiter=delimiter, strict=True)
    except csv.Error as fault:
        refusal = _("“%(file)s” cannot be read as a table (%(problem)s). Export it as CSV again.")
        raise Refusal(refusal % {"file": file, "problem": str(fault)[:100]}) from fault


def _columns(header: Sequence[str], file: str) -> dict[str, int]:
    """The position of each column that is known."""
    keys = [search_key(cell) for cell in header]
    found = {
        role: keys.index(next(alias for alias in aliases if alias in keys))
        for role, aliases in HEADERS.items()
        if any(alias in keys for alias in aliases)
    }
    for role in ("latitude", "longitude"):
        if role not in found:
            refusal = _("“%(file)s” has no column “%(column)s” (found: %(found)s). Name the column so.")
            columns = one_line(", ".join(cell for cell in header if cell.strip()))[:200] or "–"
            raise Refusal(refusal % {"file": file, "column": role, "found": columns})
    return found


def _site(row: Sequence[str], columns: dict[str, int], number: int, radius_m: float) -> SiteArea:
    """One row. Raises Refusal, without the row's number."""

    def cell(role: str) -> str:
        at = columns.get(role, len(row))
        return row[at].strip() if at < len(row) else ""

    latitude, longitude = _number(cell("latitude"), "latitude"), _number(cell("longitude"), "longitude")
    if abs(latitude) > 90 or abs(longitude) > 180:
        problem = _(
            "latitude %(latitude)s and longitude %(longitude)s are no place on Earth. Check whether they are swapped, "
            "or in metres: degrees are needed."
        )
        raise Refusal(problem % {"latitude": cell("latitude")[:30], "longitude": cell("longitude")[:30]})
    if cell("metres"):
        radius_m = _number(cell("metres"), "radius")
    elif cell("km"):
        radius_m = 1000 * _number(cell("km"), "radius_km")
    name = one_line(cell("name"))[:LONGEST_NAME] or _("Site %(number)s") % {"number": whole(number)}
    return SiteArea(name, longitude, latitude, radius_m, regions.disc(longitude, latitude, radius_m, CORNERS))


def _number(text: str, column: str) -> float:
    plain = text.rstrip("°").replace("−", "-").replace(" ", "").replace("\N{NO-BREAK SPACE}", "")
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    try:
        value = float(plain)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        problem = _("“%(value)s” in column “%(column)s” is no number. Write it as 46.99.")
        raise Refusal(problem % {"value": one_line(text)[:40], "column": column})
    return value


def _faults(faults: Sequence[str], file: str) -> str:
    first = " ".join(faults[:FAULTS_NAMED])
    refusal = _("Nothing of “%(file)s” was taken. %(faults)s") % {"file": file, "faults": first}
    rest = len(faults) - FAULTS_NAMED
    if rest <= 0:
        return refusal
    more = ngettext("%(n)s more row has a fault.", "%(n)s more rows have faults.", rest) % {"n": whole(rest)}
    return f"{refusal} {more}"
