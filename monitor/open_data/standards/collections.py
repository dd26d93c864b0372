"""Base class of every collection of features, and the class of collections stored in one table."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar, NamedTuple

from django.contrib.gis.db.models import Extent as BoundsOf
from django.contrib.gis.geos import GEOSGeometry
from django.db.models import Max, Min, QuerySet

from monitor.open_data.standards.cql2 import Queryables, field_of, narrowed, schema_of
from monitor.open_data.standards.queries import FEW, Filter, Query
from monitor.wording.places import Bounds
from monitor.wording.refusals import Refusal, number_or_none

Feature = dict[str, Any]  # GeoJSON; addresses in it begin with a slash
DIGITS = 6  # of a degree: 10 cm


class Extent(NamedTuple):
    """Extent of a collection. bounds: west, south, east, north in degrees; None where there is nothing."""

    bounds: Bounds | None = None
    first: date | datetime | None = None
    last: date | datetime | None = None


def extent_of(rows: QuerySet, area: str, first: Any, last: Any) -> Extent:
    """Return the extent of rows. area, first, last: fields or expressions for geometry, begin and end of a row."""
    return Extent(**rows.aggregate(bounds=BoundsOf(area), first=Min(first), last=Max(last)))


class Part(NamedTuple):
    """Page of features."""

    features: list[Feature]
    after: str  # key behind which the next begins, empty at the end
    matched: int | None  # in all, where that is known without counting points


class Collection(ABC):
    """Collection of features: its texts, filters and limits, and how its features are read."""

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    filters: ClassVar[Mapping[str, Filter]] = {}
    most: ClassVar[int] = 1000  # features of one answer
    few: ClassVar[int] = FEW  # where no limit is given
    items: ClassVar[Mapping[str, Any]] = {}  # further members of a STAC collection
    queryables: ClassVar[Queryables]

    @abstractmethod
    def part(self, query: Query) -> Part:
        """Return a page of features. Raises Refusal for an invalid key."""

    @abstractmethod
    def feature(self, ident: str) -> Feature | None:
        """Return the feature with this key; None where there is none."""

    @abstractmethod
    def extent(self) -> Extent:
        """Return the area and the period that the features cover."""

    @abstractmethod
    def every(self) -> QuerySet:
        """Return the rows of all features, in any state."""

    def schemas(self) -> dict[str, dict[str, Any]]:
        """Return the JSON schema of each property that a filter may use."""
        every = self.every()
        return {name: schema_of(field_of(every, expression)) for name, expression in self.queryables.items()}


class Rows(Collection):
    """Collection of the rows of a table by key. New rows come last, so that paging neither skips nor repeats a row."""

    known: ClassVar[Callable[[], QuerySet]]  # every row
    feature_of: ClassVar[Callable[[Any], Feature]]  # the feature of a row

    def part(self, query: Query) -> Part:
        """Return a page of features in the order of their rows."""
        rows = self.chosen(query)
        behind = rows.order_by("pk").filter(pk__gt=_key(query.after)) if query.after else rows.order_by("pk")
        listed = list(behind[: query.limit + 1])
        shown = listed[: query.limit]
        return Part(self.features(shown), str(shown[-1].pk) if len(listed) > query.limit else "", rows.count())

    @abstractmethod
    def rows(self, query: Query) -> QuerySet:
        """Return the rows that match the area, the period and the collection's own filters."""

    def chosen(self, query: Query) -> QuerySet:
        """Return the rows that match the whole query. Raises Refusal."""
        rows = self.rows(query)
        if query.ids:
            rows = rows.filter(pk__in=[key for key in map(number_or_none, query.ids) if key is not None])
        return rows if query.tree is None else narrowed(rows, query.tree, self.queryables)

    def every(self) -> QuerySet:
        """Return every row."""
        return type(self).known()

    def features(self, rows: Sequence[Any]) -> list[Feature]:
        """Return the features of these rows."""
        return [self.feature_of(row) for row in rows]

    def feature(self, ident: str) -> Feature | None:
        """Return the feature of the row with this key."""
        row = row_of(self.known(), ident)
        return self.feature_of(row) if row else None


def row_of(rows: QuerySet, ident: str) -> Any | None:
    """Return the row with this key; None if there is none or `ident` is not a key."""
    return rows.filter(pk=number_or_none(ident)).first()


def _key(text: str) -> int:
    number = number_or_none(text)
    if number is not None:
        return number
    raise Refusal(f"after is no key of this collection: {text[:40]!r}", "Follow the link with rel=next.")


def geojson(shape: GEOSGeometry) -> dict[str, Any]:
    """Return a geometry as GeoJSON, EPSG:4326."""
    return {"type": shape.geom_type, "coordinates": _rounded(shape.coords)}


def _rounded(numbers: Any) -> Any:
    return round(numbers, DIGITS) if isinstance(numbers, float) else [_rounded(one) for one in numbers]


def box(shape: GEOSGeometry) -> list[float]:
    """Return the bounding box of a shape: west, south, east, north in degrees."""
    return [round(edge, DIGITS) for edge in shape.extent]
