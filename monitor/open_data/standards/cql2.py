"""Filters in CQL2 (OGC 21-065r2), text or JSON, on queryable properties, translated to conditions of the database."""

import json
import re
import sys
from collections.abc import Mapping
from datetime import UTC
from typing import Any, NamedTuple

import cql2
from django.contrib.gis.db.models import GeometryField
from django.contrib.gis.geos import GEOSGeometry, Polygon
from django.db.models import BooleanField, DateField, DateTimeField, F, Field, FloatField, IntegerField, Q, QuerySet
from django.db.models.fields.related import RelatedField
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from ground_motion.core.geometry import split_at_180
from ground_motion.core.text import plain_values
from ingest.foundation.geos import geos
from monitor.wording.refusals import Refusal, moment, too_many, values_of

Tree = Any  # CQL2 as JSON
Queryables = Mapping[str, Any]  # name of a property -> a field's path, or an expression
LANGUAGES = ("cql2-text", "cql2-json")
CLASSES = (*LANGUAGES, "basic-cql2", "advanced-comparison-operators", "basic-spatial-functions", "spatial-functions")
MAX_SIGNS, MAX_BRACKETS = 1500, 8  # Limits of a filter as text, because the parser's time and stack grow with both.
LARGEST = sys.float_info.max
MAX_DEEP = 20  # levels of nested operators
MAX_PARTS = 1000  # Most operators, properties and literals of one filter.
MAX_NUMBERS = 10_000  # Most numbers in all geometries of one filter; a corner has two.
MAX_PATTERN_LETTERS = 500
COMPARED = {"=": "exact", "<>": "exact", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
SPATIAL = {f"s_{name}": name for name in ("intersects", "disjoint", "contains", "within", "touches", "crosses")}
SPATIAL |= {f"s_{name}": name for name in ("overlaps", "equals")}
SCHEMAS: tuple[tuple["type[Field[Any, Any]]", dict[str, str]], ...] = (
    (BooleanField, {"type": "boolean"}),
    (DateTimeField, {"type": "string", "format": "date-time"}),
    (DateField, {"type": "string", "format": "date"}),
    (IntegerField, {"type": "integer"}),
    (FloatField, {"type": "number"}),
    (GeometryField, {"format": "geometry-any"}),
)
NOTHING = Q(pk__in=[])
EXAMPLE = "Write for example simulated = false AND datetime >= TIMESTAMP('2024-01-01T00:00:00Z')."
MERCATOR = Polygon.from_bbox((-180, -85.05, 180, 85.05))


def parsed(text: str, language: str) -> Tree:
    """Parse a filter. Raises Refusal."""
    is_json = language == "cql2-json"
    if not is_json:
        check_text(text)
    try:
        tree = plain_values(json.loads(text) if is_json else cql2.parse_text(text).to_json())
    except (ValueError, RecursionError, cql2.ParseError) as fault:
        raise Refusal("filter is not valid CQL2", EXAMPLE) from fault
    if tree is None:
        raise Refusal("filter is not a condition", EXAMPLE)
    check_size(tree, "filter")
    return tree


def check_size(tree: Tree, what: str) -> None:
    """Raise Refusal if a filter or geometry has too many parts. what: the parameter that holds it."""
    n_parts = n_numbers = 0
    left = [(tree, False)]
    while left:
        part, is_geometry = left.pop()
        if isinstance(part, list):
            left += [(one, is_geometry) for one in part]
        elif isinstance(part, dict):
            n_parts += 1
            left += [(one, "op" not in part or name != "args") for name, one in part.items()]
        elif is_geometry:
            n_numbers += 1
        else:
            n_parts += 1
    for number, most in ((n_parts, MAX_PARTS), (n_numbers, MAX_NUMBERS)):
        if number > most:
            raise too_many(what, number, most)


def check_text(text: str) -> None:
    """Raise Refusal if a filter is too long or too deeply nested to be parsed quickly."""
    brackets = deepest = 0
    for sign in re.sub(r"'[^']*'", "", text):
        brackets += (sign == "(") - (sign == ")")
        deepest = max(deepest, brackets)
    if len(text) > MAX_SIGNS or deepest > MAX_BRACKETS:
        limits = f"{MAX_SIGNS} characters or {MAX_BRACKETS} nested brackets"
        raise Refusal(f"filter has more than {limits}", "Send it as filter-lang=cql2-json.")


def expression_of(queryable: Any) -> Any:
    """Return the expression of a field's path, or an expression as it is."""
    return F(queryable) if isinstance(queryable, str) else queryable


def field_of(rows: QuerySet[Any], queryable: Any) -> "Field[Any, Any]":
    """Return the field that holds the values of a queryable property."""
    field: Field[Any, Any] = rows.alias(asked=expression_of(queryable)).query.annotations["asked"].output_field
    return field.target_field if isinstance(field, RelatedField) else field


def schema_of(field: "Field[Any, Any]") -> dict[str, Any]:
    """Return the JSON schema of a field's values."""
    schema = next((schema for kind, schema in SCHEMAS if isinstance(field, kind)), {"type": "string"})
    return schema | ({"enum": [value for value, _ in field.choices]} if field.choices else {})


def geometry_of(given: Any, what: str) -> GEOSGeometry:
    """Return the geometry of a GeoJSON object or of a box {"bbox": […]}, degrees. Raises Refusal."""
    check_size(given, what)
    try:
        if isinstance(given, dict) and "bbox" in given:
            west, south, *_, east, north = map(float, given["bbox"])
            outline: BaseGeometry = box(west, south, east if west <= east else east + 360, north)
        else:
            outline = shape(given)
        west, south, east, north = outline.bounds
        if outline.is_valid and -360 <= west <= east <= 360 and -90 <= south <= north <= 90:
            return geos(split_at_180(outline))
    except Exception as fault:  # shapely raises errors of many types for invalid input
        raise Refusal(f"{what} is not a geometry", 'Give GeoJSON, for example {"type": "Point", …}.') from fault
    raise Refusal(f"{what} is not a valid geometry in degrees", "Give longitude before latitude, and close its rings.")


def area_of(tree: Tree) -> GEOSGeometry | None:
    """Return a geometry that every match of a filter touches; None if its first level states none."""
    op, args = (tree.get("op"), tree.get("args")) if isinstance(tree, dict) else (None, None)
    if not isinstance(args, list):
        return None
    if op == "and":
        return next((area for arg in args if (area := area_of(arg)) is not None), None)
    if op in SPATIAL and op != "s_disjoint" and len(args) == 2:
        return geometry_of(args[1], "a geometry of filter")
    return None


class Property(NamedTuple):
    """Queryable property. path: its name in a condition of the database."""

    name: str
    path: str
    field: "Field[Any, Any]"


class Condition:
    """Translation of a filter to a condition on rows. expressions: those that the condition uses, by alias."""

    def __init__(self, rows: QuerySet[Any], queryables: Queryables) -> None:
        self.rows, self.queryables = rows, queryables
        self.expressions: dict[str, Any] = {}

    def of(self, tree: Tree, negated: bool = False, depth: int = 0) -> Q:
        """Return the condition of a filter or of its negation; unknown values match neither. Raises Refusal."""
        if depth > MAX_DEEP:
            raise Refusal(f"filter has more than {MAX_DEEP} levels of operators", "Nest fewer operators.")
        if isinstance(tree, bool):
            return ~NOTHING if tree != negated else NOTHING
        if isinstance(tree, dict) and "property" in tree:
            tree = {"op": "=", "args": [tree, True]}
        op, args = (tree.get("op"), tree.get("args")) if isinstance(tree, dict) else (None, None)
        if not isinstance(op, str) or not isinstance(args, list) or not args:
            raise Refusal("filter is not a condition", EXAMPLE)
        if op == "not" and len(args) == 1:
            return self.of(args[0], not negated, depth + 1)
        if op in ("and", "or"):
            connector = Q.AND if (op == "and") != negated else Q.OR
            return Q.create([self.of(arg, negated, depth + 1) for arg in args], connector=connector)
        return self._of_property(op, args, negated)

    def _of_property(self, op: str, args: list[Any], negated: bool) -> Q:
        if len(args) == 2 and _is_property(args[1]) and (op in MIRRORED or op in ("=", "<>")):
            op, args = MIRRORED.get(op, op), args[::-1]
        one, values = self._property(args[0]), args[1:]
        if op == "isNull" and not values:
            return Q(**{f"{one.path}__isnull": not negated})
        lookup, value = _lookup(op, one, values)
        wanted = Q(**{f"{one.path}__{lookup}": value})
        if negated != (op == "<>"):
            return ~wanted & Q(**{f"{one.path}__isnull": False})
        return wanted

    def _property(self, given: Any) -> Property:
        name = given["property"] if _is_property(given) else None
        if not isinstance(name, str) or name.removeprefix("properties.") not in self.queryables:
            remedy = f"Compare one of {', '.join(self.queryables)} with a value."
            raise Refusal(f"filter cannot use {str(name or given)[:40]!r}", remedy)
        name = name.removeprefix("properties.")
        path = expression = self.queryables[name]
        if not isinstance(expression, str):
            path = f"asked_{list(self.queryables).index(name)}"
            self.expressions[path] = expression
        return Property(name, path, field_of(self.rows, expression))


def _is_property(given: Any) -> bool:
    return isinstance(given, dict) and "property" in given


def _lookup(op: str, one: Property, values: list[Any]) -> tuple[str, Any]:
    """Return Django's lookup and value for an operator on a property."""
    if isinstance(one.field, GeometryField):
        if op in SPATIAL and len(values) == 1:
            area = geometry_of(values[0], "a geometry of filter")
            return SPATIAL[op], area if one.field.srid == 4326 else area & MERCATOR
        raise Refusal(f"filter cannot use {op[:20]!r} on {one.name}", "Use S_INTERSECTS, S_WITHIN or S_DISJOINT.")
    if op in COMPARED and len(values) == 1:
        return COMPARED[op], _value(one, values[0])
    if op == "between" and len(values) == 2:
        return "range", (_value(one, values[0]), _value(one, values[1]))
    if op == "in" and len(values) == 1 and isinstance(values[0], list):
        return "in", values_of("in", (_value(one, value) for value in values[0]), MAX_PARTS)
    if op == "like" and len(values) == 1 and isinstance(values[0], str) and schema_of(one.field)["type"] == "string":
        return "regex", _pattern(values[0])
    raise Refusal(f"filter has no operator {op[:20]!r} with {len(values)} values", EXAMPLE)


def _pattern(text: str) -> str:
    r"""Return the regular expression of a LIKE pattern with the wildcards % and _, which \ escapes."""
    if len(text) > MAX_PATTERN_LETTERS:  # PostgreSQL fails on long regular expressions
        raise Refusal(f"a pattern of LIKE has {len(text)} letters", f"Give at most {MAX_PATTERN_LETTERS}.")
    parts = re.findall(r"%+|\\.|.", text, re.DOTALL)  # PostgreSQL needs seconds to read hundreds of .* in a row
    return f"^{''.join({'%': '.*', '_': '.'}.get(part[0]) or re.escape(part[-1]) for part in parts)}$"


def _value(one: Property, given: Any) -> Any:
    """Return a literal as a value of the property's type. Raises Refusal."""
    schema = schema_of(one.field)
    if isinstance(given, dict):
        given = given.get("timestamp", given.get("date"))
    if schema.get("format") in ("date", "date-time") and isinstance(given, str) and given:
        at = moment(one.name, given)
        return at.astimezone(UTC).date() if at and schema["format"] == "date" else at
    # math.isfinite fails on whole numbers of hundreds of digits, which JSON allows.
    is_number = isinstance(given, int | float) and not isinstance(given, bool) and abs(given) <= LARGEST
    fits = {
        "boolean": isinstance(given, bool),
        "integer": is_number and int(given) == given,
        "number": is_number,
        "string": isinstance(given, str) and "format" not in schema,
    }
    if not fits[schema["type"]]:
        raise Refusal(f"filter compares {one.name} with {str(given)[:40]!r}", f"Give a value of type {schema['type']}.")
    return given
