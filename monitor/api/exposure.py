"""Answers about what stands on the ground of an alert."""

from datetime import date

from ninja import Schema
from pydantic import Field


class ExposureSource(Schema):
    """A layer in which what stands on an area was counted."""

    kind: str
    name: str
    loaded_on: date
    attribution: str


class ExposureOut(Schema):
    """What stands on the ground of an alert. null: no loaded layer covers it, which is not 0."""

    buildings: int | None
    main_road_km: float | None = Field(description="motorways to secondary roads")
    other_road_km: float | None
    railway_km: float | None
    people: float | None
    sources: list[ExposureSource]
