"""What every collection of features offers, and collections that are rows of one table."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar, NamedTuple

from django.contrib.gis.geos import GEOSGeometry
from django.db.models import Model, QuerySet

from monitor.open_data.standards.queries import FEW, Filter, Query
from monitor.wording.places import Bounds
from monitor.wording.refusals import Refusal, number_or_none

Feature = dict[str, Any]  # GeoJSON; addresses in it begin with a slash
DIGITS = 6  # of a degree: 10 cm


class Extent(NamedTuple):
    """bounds: west, south, east, north in degrees; None where there is nothing."""

    bounds: Bounds | None = None
    first: date | datetime | None = None
    last: date | datetime | None = None


class Part(NamedTuple):
    """after: key behind which the next part begins, empty at the end. matched: how many fit in all, where that is known
    without counting points."""

    features: list[Feature]
    after: str
    matched: int | None


class Collection(ABC):
    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    filters: ClassVar[Mapping[str, Filter]] = {}
    most: ClassVar[int] = 1000  # features of one answer
    few: ClassVar[int] = FEW  # where no limit is given
    items: ClassVar[Mapping[str, Any]] = {}  # further members of a STAC collection

    @abstractmethod
    def part(self, query: Query) -> Part:
        """Raises Refusal where the key makes no sense."""

    @abstractmethod
    def feature(self, ident: str) -> Feature | None:
        """None where there is none."""

    @abstractmethod
    def extent(self) -> Extent: ...


class Rows(Collection):
    """Rows in the order of their keys: what is added comes last, and no part is skipped or repeated."""

    def part(self, query: Query) -> Part:
        rows = self.rows(query)
        if query.ids:
            rows = rows.filter(pk__in=[key for key in map(number_or_none, query.ids) if key is not None])
        behind = rows.order_by("pk").filter(pk__gt=_key(query.after)) if query.after else rows.order_by("pk")
        listed = list(behind[: query.limit + 1])
        shown = listed[: query.limit]
        return Part(self.features(shown), str(shown[-1].pk) if len(listed) > query.limit else "", rows.count())

    @abstractmethod
    def rows(self, query: Query) -> QuerySet: ...

    @abstractmethod
    def features(self, rows: Sequence[Any]) -> list[Feature]: ...

    def only(self, row: Model | None) -> Feature | None:
        return self.features([row])[0] if row else None


def _key(text: str) -> int:
    number = number_or_none(text)
    if number is not None:
        return number
    raise Refusal(f"after is no key of this collection: {text[:40]!r}", "Follow the link with rel=next.")


def geojson(shape: GEOSGeometry) -> dict[str, Any]:
    """A geometry, EPSG:4326."""
    return {"type": shape.geom_type, "coordinates": _rounded(shape.coords)}


def _rounded(numbers: Any) -> Any:
    return round(numbers, DIGITS) if isinstance(numbers, float) else [_rounded(one) for one in numbers]


def box(shape: GEOSGeometry) -> list[float]:
    return [round(edge, DIGITS) for edge in shape.extent]
