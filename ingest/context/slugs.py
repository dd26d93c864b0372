"""Slugs of regions: by name, and by country, code or number where a name is taken."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from typing import Any, NamedTuple

from django.db import connection

from ingest.text import search_key

LONGEST = 100


class Named(NamedTuple):
    """A region's name, country and code."""

    name: str
    country: str
    code: str


def slugs_give(regions: Any) -> None:
    """Give every row of the model that has none a slug of its own, countries first, then in the order of their file."""
    without = regions.objects.filter(slug=None).order_by("level", "pk")
    rows = list(without.values_list("pk", "name", "country", "code"))
    taken = regions.objects.exclude(slug=None).values_list("slug", flat=True)
    given = slugs([Named(*named) for _, *named in rows], taken)
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE ingest_administrativeregion AS region SET slug = given.slug
               FROM unnest(%s::bigint[], %s::text[]) AS given(id, slug) WHERE region.id = given.id""",
            [[pk for pk, *_ in rows], given],
        )


def slugs(regions: Sequence[Named], taken: Iterable[str]) -> list[str]:
    """Return a slug for each region, all different from each other and from those taken: 'georgia-united-states'."""
    used = set(taken)
    given = []
    for region in regions:
        given.append(next(slug for slug in _candidates(region) if slug not in used))
        used.add(given[-1])
    return given


def slug_of(text: str) -> str:
    """Return a name as part of an address: lower case, words joined by hyphens."""
    return search_key(text).replace(" ", "-")[:LONGEST].strip("-")


def _candidates(region: Named) -> Iterator[str]:
    name = slug_of(region.name) or "region"
    longer = (
        slug_of(f"{region.name} {more}") for more in (region.country, region.code) if more not in {"", region.name}
    )
    return chain([name], longer, (f"{name}-{number}" for number in count(2)))
