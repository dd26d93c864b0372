"""Base class of every collection of features, and the class of collections stored in one table."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar, NamedTuple

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Max, Min, QuerySet
from ninja import Schema

from monitor.maps.rasters.catalogue import BoundsOf
from monitor.open_data.standards.cql2 import Condition, Queryables, expression_of, field_of, schema_of
from monitor.open_data.standards.queries import FEW, Filter, Query
from monitor.wording.places import Bounds
from monitor.wording.refusals import Refusal, number_or_none

Feature = dict[str, Any]  # GeoJSON; addresses in it begin with a slash
Period = tuple[Any, Any]  # fields or expressions for the begin and the end of a row


class Extent(NamedTuple):
    """Extent of a collection. bounds: as from `BoundsOf`; None where there is nothing."""

    bounds: Bounds | None = None
    first: date | datetime | None = None
    last: date | datetime | None = None


def extent_of(rows: QuerySet[Any], area: Any, period: Period | None) -> Extent:
    """Return the extent of rows. area: the field or expression for the geometry of a row."""
    ends = {"first": Min(period[0]), "last": Max(period[1])} if period else {}
    return Extent(**rows.aggregate(bounds=BoundsOf(area), **ends))


def rows_matching(rows: QuerySet[Any], query: Query, area: Any, period: Period | None) -> QuerySet[Any]:
    """Return the rows that overlap the area and the period of a query. area, period: as for `extent_of`."""
    if query.area is not None:
        rows = rows.alias(covers=expression_of(area)).filter(covers__intersects=query.area)
    if query.during is None or period is None:
        return rows
    begins, ends = map(expression_of, period)
    spanned = rows.alias(begins=begins, ends=ends)
    within: QuerySet[Any] = spanned.filter(begins__lte=query.during.end, ends__gte=query.during.start)
    return within


class Part(NamedTuple):
    """Page of features."""

    features: list[Feature]
    after: str  # Key after which the next page begins; empty at the end.
    matched: int | None  # Number of all features, if it is known without counting points or buildings.


class Collection(ABC):
    """Collection of features: its texts, filters and limits, and how its features are read."""

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    filters: ClassVar[Mapping[str, Filter]] = {}
    most: ClassVar[int] = 1000  # Most features in one answer.
    few: ClassVar[int] = FEW  # Number of features if no limit is given.
    items: ClassVar[Mapping[str, Any]] = {}  # further members of a STAC collection
    summarised: ClassVar[Sequence[str]] = ()  # Queryables with few values, which a STAC collection lists.
    queryables: ClassVar[Queryables]
    shown: ClassVar[Sequence[str]] = ()  # properties of a feature; a STAC item has its own
    answers: ClassVar[Sequence[type[Schema]]] = ()  # Answers of the API whose schemas describe these properties.

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
    def every(self) -> QuerySet[Any]:
        """Return the rows of all features, in any state."""

    def schemas(self) -> dict[str, dict[str, Any]]:
        """Return the JSON schema of each property that a filter may use."""
        every = self.every()
        return {name: schema_of(field_of(every, expression)) for name, expression in self.queryables.items()}

    def properties(self) -> dict[str, dict[str, Any]]:
        """Return the JSON schema of each property of a feature, which holds where a value is null, too."""
        known = self.schemas()
        for answer in reversed(self.answers):
            described = answer.model_json_schema()["properties"]
            objects = {name: {"type": "object"} for name, schema in described.items() if "$ref" in schema}
            known = objects | known | {name: _plain(each) for name, each in described.items() if name not in objects}
        return {name: known.get(name, {"type": "string"}) for name in self.shown}

    def summaries(self) -> dict[str, list[Any]]:
        """Return the values that occur of each property in `summarised`."""
        values = {name: ArrayAgg(self.queryables[name], distinct=True, default=[]) for name in self.summarised}
        found = self.every().aggregate(**values)
        known = {name: [value for value in every if value not in (None, "")] for name, every in found.items()}
        return {name: every for name, every in known.items() if every}


def _plain(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return a property's schema with one type, as OGC API Features Part 5 has it. described: as pydantic makes it."""
    kinds = [kind for kind in described.get("anyOf", [described]) if kind.get("type") != "null"]
    kept = {name: kinds[0][name] for name in ("type", "format", "items") if name in kinds[0]}
    return {"type": "object"} | kept | ({"description": described["description"]} if "description" in described else {})


class Rows(Collection):
    """Collection of the rows of a table by key. New rows come last, so that paging neither skips nor repeats a row."""

    known: "ClassVar[staticmethod[[], QuerySet[Any]]]"  # Query for every row.
    feature_of: "ClassVar[staticmethod[[Any], Feature]]"  # Converts a row to a feature.
    period: ClassVar[Period | None] = None
    counts: ClassVar[bool] = True  # Each page says how many features match.

    def part(self, query: Query) -> Part:
        """Return a page of features in the order of their rows."""
        rows = self.chosen(query)
        behind = rows.filter(pk__gt=key_of(query.after, query.after)) if query.after else rows
        listed = list(behind.order_by("pk")[: query.limit + 1])
        shown, matched = listed[: query.limit], rows.count() if self.counts else None
        return Part(self.features(shown), str(shown[-1].pk) if len(listed) > query.limit else "", matched)

    def rows(self, query: Query) -> QuerySet[Any]:
        """Return the rows that match the area, the period and those of the filters that are queryable."""
        own = {self.queryables[name]: value for name, value in query.filters.items() if name in self.queryables}
        return rows_matching(self.known().filter(**own), query, self.queryables["geometry"], self.period)

    def extent(self) -> Extent:
        """Return the area and the period that hold all rows."""
        return extent_of(self.known(), self.queryables["geometry"], self.period)

    def chosen(self, query: Query) -> QuerySet[Any]:
        """Return the rows that match the whole query. Raises Refusal."""
        rows = self.rows(query)
        if query.ids:
            rows = rows.filter(pk__in=[key for key in map(number_or_none, query.ids) if key is not None])
        if query.tree is None:
            return rows
        condition = Condition(rows, self.queryables)
        wanted = condition.of(query.tree)  # This fills the condition's expressions.
        narrower: QuerySet[Any] = rows.alias(**condition.expressions).filter(wanted)
        return narrower

    def every(self) -> QuerySet[Any]:
        """Return every row."""
        return self.known()

    def features(self, rows: Sequence[Any]) -> list[Feature]:
        """Return the features of these rows."""
        return [self.feature_of(row) for row in rows]

    def feature(self, ident: str) -> Feature | None:
        """Return the feature of the row with this key."""
        row = row_of(self.known(), ident)
        return self.features([row])[0] if row else None


def row_of(rows: QuerySet[Any], ident: str) -> Any | None:
    """Return the row with this key; None if there is none or `ident` is not a key."""
    return rows.filter(pk=number_or_none(ident)).first()


def key_of(after: str, part: str) -> int:
    """Parse a part of a page's key as a number. after: the whole key, for the message. Raises Refusal."""
    number = number_or_none(part)
    if number is not None:
        return number
    raise Refusal(f"after is no key of this collection: {after[:40]!r}", "Follow the link with rel=next.")
