"""STAC item search over several collections at once."""

import json
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from ingest.text import plain_values
from monitor.open_data.standards.collections import Collection, Feature
from monitor.open_data.standards.queries import Query, read_query
from monitor.wording.refusals import Refusal

MOST = 1000
MOST_IDS = MOST  # an answer holds no more features
PARAMETERS = {
    "collections": "names with commas between them; all where none is given",
    "ids": f"at most {MOST_IDS} ids with commas between them",
}
Found = list[tuple[Collection, Feature]]


def search(known: Mapping[str, Collection], parameters: QueryDict) -> tuple[Found, str]:
    """Return the (collection, item) pairs found, by collection, and the key of the next page. Raises Refusal."""
    common = parameters.copy()
    names, idents = ([one for one in common.pop(name, [""])[-1].split(",") if one] for name in PARAMETERS)
    if len(idents) > MOST_IDS:
        raise Refusal(f"{len(idents)} ids were asked for", f"Give at most {MOST_IDS} ids in one search.")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Refusal(f"there is no collection {unknown[0][:40]!r}", f"Give some of {', '.join(known)}.")
    chosen = [one for name, one in known.items() if not names or name in names]
    query = read_query(common, {}, MOST)
    return _one_after_the_other(chosen, query._replace(ids=frozenset(idents)))


def posted(content: bytes) -> dict[str, Any]:
    """Parse the body of a search. Raises Refusal."""
    try:
        body = plain_values(json.loads(content))
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refusal("the body is no JSON object", 'Send for example {"collections": ["predictions"], "limit": 10}.')
    return body


def parameters_of(body: Mapping[str, Any]) -> QueryDict:
    """Convert a JSON body to the parameters of a URL, with lists as texts with commas. Raises Refusal."""
    parameters = QueryDict(mutable=True)
    for name, value in body.items():
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, (str, int, float)) and not isinstance(part, bool) for part in parts):
            raise Refusal(f"{name[:40]} is neither text, number nor a list of them", "Leave it out.")
        parameters[name] = ",".join(str(part) for part in parts)
    return parameters


def _one_after_the_other(chosen: list[Collection], query: Query) -> tuple[Found, str]:
    """Search one collection after the other. The page key joins a collection's name and the key within it."""
    name, _, behind = query.after.partition(":")
    names = [one.name for one in chosen]
    if name and name not in names:
        raise Refusal(f"after is no key of this search: {query.after[:40]!r}", "Follow the link with rel=next.")
    found: Found = []
    for one in chosen[names.index(name) if name else 0 :]:
        left = query.limit - len(found)
        if not left:
            return found, f"{one.name}:"
        part = one.part(query._replace(limit=left, after=behind if one.name == name else ""))
        found += [(one, feature) for feature in part.features]
        if part.after:
            return found, f"{one.name}:{part.after}"
    return found, ""
