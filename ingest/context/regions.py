"""Administrative regions: slugs for their URLs, and queries for one region, a list, and larger and smaller units."""

from collections.abc import Iterable, Sequence
from itertools import chain, count

from django.contrib.gis.db.models.functions import PointOnSurface
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from ground_motion.core.errors import promised
from ground_motion.core.text import search_key
from ingest.context.selectors import filter_by_name, is_named
from ingest.models import AdministrativeRegion, Product

MAX_WITHIN = 200
MAX_SLUG = 100


def region_by_slug(*, slug: str) -> AdministrativeRegion | None:
    """Return the region with this slug, and its layer; None if there is none."""
    if "\0" in slug:
        return None
    return AdministrativeRegion.objects.select_related("layer").filter(slug=slug).first()


def region_by_name(*, text: str) -> AdministrativeRegion | None:
    """Return the region with this slug or exact name; the largest unit if several have the name, None if none has."""
    key = search_key(text)
    exact = region_by_slug(slug=text.strip())
    if exact or not key:
        return exact
    return AdministrativeRegion.objects.select_related("layer").filter(is_named(key)).order_by("level", "pk").first()


def regions_listed(*, text: str = "", level: int | None = None, covered: bool = True) -> QuerySet[AdministrativeRegion]:
    """Return regions without outlines, by level and name. text: beginnings of words; covered: has velocity fields."""
    regions = AdministrativeRegion.objects.defer("outline")
    if search_key(text):
        regions = filter_by_name(regions, search_key(text)[:100])
    if level is not None:
        regions = regions.filter(level=level)
    if covered:
        regions = regions.filter(Exists(Product.objects.current().filter(footprint__intersects=OuterRef("outline"))))
    return regions.order_by("level", "search_name", "pk")


def regions_around(*, region: AdministrativeRegion) -> list[AdministrativeRegion]:
    """Return the larger units around a region, the largest first; a simulated region gets simulated units only."""
    return list(
        AdministrativeRegion.objects.filter(
            outline__intersects=region.outline.point_on_surface,
            level__lt=region.level,
            layer__simulated=region.layer.simulated,
        )
        .defer("outline")
        .order_by("level", "pk")
    )


def regions_within(*, region: AdministrativeRegion) -> list[AdministrativeRegion]:
    """Return the smaller units within a region, sorted by level and name."""
    below = AdministrativeRegion.objects.filter(
        outline__bboverlaps=region.outline, level__gt=region.level, layer__simulated=region.layer.simulated
    )
    inside = below.annotate(inside=PointOnSurface("outline")).filter(inside__within=region.outline)
    return list(inside.defer("outline").order_by("level", "search_name", "pk")[:MAX_WITHIN])


def slugs_give() -> None:
    """Give each region without a slug a unique one, in order of level and file."""
    regions = AdministrativeRegion.objects.order_by("level", "pk").only("name", "country", "code")
    without = list(regions.filter(slug=None))
    given = slugs(without, [promised(slug) for slug in regions.exclude(slug=None).values_list("slug", flat=True)])
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE ingest_administrativeregion AS region SET slug = given.slug
               FROM unnest(%s::bigint[], %s::text[]) AS given(id, slug) WHERE region.id = given.id""",
            [[region.pk for region in without], given],
        )


def slugs(regions: Sequence[AdministrativeRegion], taken: Iterable[str]) -> list[str]:
    """Return a slug for each region ('georgia-united-states'); no two are equal, and none is in `taken`."""
    used = set(taken)
    given = []
    for region in regions:
        name = _slug(region.name) or "region"
        more = [text for text in (region.country, region.code) if text not in {"", region.name}]
        longer = [_slug(f"{region.name} {text}") for text in more]
        numbered = (f"{name}-{number}" for number in count(2))
        given.append(next(slug for slug in chain([name], longer, numbered) if slug not in used))
        used.add(given[-1])
    return given


def _slug(text: str) -> str:
    return search_key(text).replace(" ", "-")[:MAX_SLUG].strip("-")
