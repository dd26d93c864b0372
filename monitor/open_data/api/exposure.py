"""Answers about what stands on the ground of an alert."""

from datetime import date

from pydantic import Field

from monitor.open_data.api.answers import Answer


class ExposureSource(Answer):
    """A layer in which what stands on an area was counted."""

    kind: str
    name: str
    loaded_on: date
    attribution: str


class ExposureOut(Answer):
    """What stands on the ground of an alert. null: no loaded layer covers it, which is not 0."""

    buildings: int | None
    main_road_km: float | None = Field(description="motorways to secondary roads")
    other_road_km: float | None
    railway_km: float | None
    people: float | None
    sources: list[ExposureSource]
