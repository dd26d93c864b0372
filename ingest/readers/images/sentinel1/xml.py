"""Elements of a Sentinel-1 XML file by their place; whatever is missing or no number is an InputError that names it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ingest.errors import InputError
from ingest.readers.images.sentinel1.container import Safe
from ingest.readers.records import Float64


class Node:
    """An element of one file of a product."""

    def __init__(self, safe: Safe, file: str, element: Element) -> None:
        self.safe, self.file, self.element = safe, file, element

    @classmethod
    def of_file(cls, safe: Safe, file: str) -> "Node":
        """Parse a file and return its root. Raises InputError for what is no XML, or XML that leads elsewhere."""
        content = safe.xml(file)
        try:
            return cls(safe, file, fromstring(content, forbid_dtd=True))
        except (ParseError, DefusedXmlException, ValueError, LookupError) as fault:
            raise safe.fault(f"{file} is no XML that can be read ({str(fault)[:120]})") from fault

    def fault(self, problem: str) -> InputError:
        """Return an InputError about the file."""
        return self.safe.fault(f"{self.file}: {problem}")

    def maybe(self, place: str) -> str:
        """Return the text of an element; empty where there is none."""
        return (self.element.findtext(place) or "").strip()

    def text(self, place: str) -> str:
        """Return the text of an element that must be there."""
        content = self.maybe(place)
        if not content:
            raise self.fault(f"it has no {place.split('/')[-1]}")
        return content

    def number(self, place: str) -> float:
        """Parse the number in an element."""
        return float(self._number(place, self.text(place), float))

    def whole(self, place: str) -> int:
        """Parse the whole number in an element."""
        return int(self._number(place, self.text(place), int))

    def time(self, place: str) -> datetime:
        """Parse an aware time in UTC."""
        text = self.text(place)
        try:
            return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
        except ValueError as fault:
            raise self.fault(f"its {place.split('/')[-1]} is {text[:40]!r}, not a time") from fault

    def numbers(self, place: str) -> Float64:
        """Parse a list of finite numbers in one element, (n,)."""
        name = place.split("/")[-1]
        try:
            values = np.array(self.text(place).split(), dtype=np.float64)
        except ValueError as fault:
            raise self.fault(f"its {name} holds a value that is not a number") from fault
        if not np.isfinite(values).all():
            raise self.fault(f"its {name} holds {values[~np.isfinite(values)][0]}, no finite number")
        return values

    def each(self, place: str) -> Iterator["Node"]:
        """Yield the elements at a place."""
        for element in self.element.iterfind(place):
            yield Node(self.safe, self.file, element)

    def _number(self, place: str, text: str, kind: Any) -> Any:
        try:
            value = kind(text)
        except ValueError as fault:
            raise self.fault(f"its {place.split('/')[-1]} is {text[:40]!r}, not a number") from fault
        if not np.isfinite(value):
            raise self.fault(f"its {place.split('/')[-1]} is {text[:40]}, no finite number")
        return value
