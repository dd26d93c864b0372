"""STAC item search over several collections at once: filters and order."""

import json
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from django.db.models import F, Q
from django.http import QueryDict

from ground_motion.core.text import plain_values
from monitor.open_data.standards.collections import Feature, Rows
from monitor.open_data.standards.cql2 import NOTHING, expression_of, geometry_of
from monitor.open_data.standards.queries import Query, read_query
from monitor.open_data.standards.stac import SORTABLE
from monitor.wording.refusals import Refusal, choice, number_or_none, values_of

MOST = 1000
MAX_BODY_BYTES = 2**19  # An outline of cql2.MAX_NUMBERS numbers fits.
PARAMETERS = {
    "collections": "names with commas between them; all where none is given",
    "ids": f"at most {MOST} ids with commas between them",
    "intersects": "a GeoJSON geometry, instead of bbox",
    "sortby": f"some of {', '.join(SORTABLE)} with commas between them; a minus before a name sorts descending",
}
MAX_ENTRIES = {"collections": 20, "ids": MOST, "sortby": 4 * len(SORTABLE)}  # Most entries of each list.
Order = list[tuple[str, bool]]  # (name, whether the largest comes first)


class Found(NamedTuple):
    """Page of a search.

    Args:
        items: collection and item of each result.
        after: key of the next page, empty on the last one.
        matched: number of items on all pages.
    """

    items: list[tuple[Rows, Feature]]
    after: str
    matched: int


def search(known: Mapping[str, Rows], parameters: QueryDict) -> Found:
    """Return the items found in the requested order, then by collection and key. Raises Refusal."""
    common = parameters.copy()
    own = {name: common.pop(name, [""])[-1] for name in PARAMETERS}
    names, idents, sortby = (
        values_of(name, (one.strip() for one in own[name].split(",") if one.strip()), most)
        for name, most in MAX_ENTRIES.items()
    )
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Refusal(f"there is no collection {unknown[0][:40]!r}", f"Give some of {', '.join(known)}.")
    query = read_query(common, {}, MOST)._replace(ids=frozenset(idents))
    if own["intersects"]:
        if query.area is not None:
            raise Refusal("bbox and intersects were both given", "Give one of them.")
        query = query._replace(area=geometry_of(_json(own["intersects"]), "intersects"))
    chosen = [one for name, one in known.items() if not names or name in names]
    order: dict[str, bool] = {}
    for one in sortby:  # If a name is given twice, the first one decides.
        name = choice("sortby", one.lstrip("+-").removeprefix("properties."), list(SORTABLE)) or "id"
        order.setdefault(name, one.startswith("-"))
    return _page(chosen, query, list(order.items()))


def _json(content: str | bytes) -> Any:
    """Parse JSON; return None if it is invalid."""
    try:
        return plain_values(json.loads(content))
    except (ValueError, RecursionError):
        return None


def posted(content: bytes) -> dict[str, Any]:
    """Parse the body of a search. Raises Refusal."""
    if len(content) > MAX_BODY_BYTES:
        raise Refusal(f"the body has {len(content)} bytes", f"Send at most {MAX_BODY_BYTES}: fewer values or corners.")
    body = _json(content)
    if not isinstance(body, dict):
        raise Refusal("the body is no JSON object", 'Send for example {"collections": ["predictions"], "limit": 10}.')
    return body


def parameters_of(body: Mapping[str, Any]) -> QueryDict:
    """Convert a JSON body to the parameters of a URL, with lists as texts with commas. Raises Refusal."""
    parameters = QueryDict(mutable=True)
    for name, value in body.items():
        if value is None:
            continue
        if name in ("intersects", "filter") and isinstance(value, dict):
            parameters[name] = json.dumps(value)
            if name == "filter":
                parameters.setdefault("filter-lang", "cql2-json")
            continue
        if name == "bbox" and not isinstance(value, list):
            raise Refusal("bbox is no list of numbers", 'Send "bbox": [5.9, 45.8, 10.5, 47.8].')
        parts = _texts(name, value)
        if not all(isinstance(part, (str, int, float)) and not isinstance(part, bool) for part in parts):
            raise Refusal(f"{name[:40]} is neither text, number nor a list of them", "Leave it out.")
        parameters[name] = ",".join(str(part) for part in parts)
    return parameters


def _texts(name: str, value: Any) -> list[Any]:
    """Return a member of a body as texts: sortby as it is written in a URL, any other as it is."""
    if name == "sortby" and isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return [("-" if one.get("direction") == "desc" else "+") + str(one.get("field")) for one in value]
    return value if isinstance(value, list) else [value]


def _page(chosen: list[Rows], query: Query, order: Order) -> Found:
    """Return a page of a search; `after` names the collection and row of the last item."""
    behind = _behind(chosen, query.after, order)
    keys: list[tuple[Any, ...]] = []  # sorted values, then the number of the collection and the key of the row
    matched = 0
    for at, one in enumerate(chosen):
        rows = one.chosen(query)
        matched += rows.count()
        sorts = _sorts(one, order)
        by = [F(name).desc() if largest else F(name).asc() for name, (_, largest) in zip(sorts, order, strict=True)]
        rows = rows.select_related(None).prefetch_related(None).annotate(**sorts).filter(behind[at])
        listed = rows.order_by(*by, "pk").values_list(*sorts, "pk")[: query.limit + 1]
        keys += [(*values[:-1], at, values[-1]) for values in listed]
    for place, (_, largest) in reversed(list(enumerate(order))):  # Sorting is stable.
        keys.sort(key=itemgetter(place), reverse=largest)
    shown = keys[: query.limit]
    features: dict[tuple[int, int], Feature] = {}
    for at, one in enumerate(chosen):
        found = list(one.rows(query).filter(pk__in=[key[-1] for key in shown if key[-2] == at]))
        features |= {(at, row.pk): feature for row, feature in zip(found, one.features(found), strict=True)}
    items = [(chosen[at], features[at, pk]) for *_, at, pk in shown if (at, pk) in features]
    after = f"{chosen[shown[-1][-2]].name}:{shown[-1][-1]}" if len(keys) > query.limit else ""
    return Found(items, after, matched)


def _sorts(one: Rows, order: Order) -> dict[str, Any]:
    return {f"sort_{at}": expression_of(one.queryables[name]) for at, (name, _) in enumerate(order)}


def _behind(chosen: list[Rows], after: str, order: Order) -> list[Q]:
    """Return the condition, for each collection, of the items after the one with the key `after`. Raises Refusal."""
    if not after:
        return [~NOTHING] * len(chosen)
    name, _, text = after.partition(":")
    last = next((at for at, one in enumerate(chosen) if one.name == name), None)
    pk = number_or_none(text)
    values = None
    if last is not None:
        sorts = _sorts(chosen[last], order)
        values = chosen[last].every().filter(pk=pk).annotate(**sorts).values_list(*sorts, "pk").first()
    if values is None or last is None:
        raise Refusal(f"after is no key of this search: {after[:40]!r}", "Follow the link with rel=next.")
    conditions = []
    for at in range(len(chosen)):
        # Rows with the same sort values follow by collection, and within a collection by key.
        behind = ~NOTHING if at > last else Q(pk__gt=pk) if at == last else NOTHING
        for place, (_, largest) in reversed(list(enumerate(order))):
            column, value = f"sort_{place}", values[place]
            behind = Q(**{f"{column}__{'lt' if largest else 'gt'}": value}) | (Q(**{column: value}) & behind)
        conditions.append(behind)
    return conditions
