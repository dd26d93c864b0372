"""Schemas of valid requests to the workbench's callbacks; other requests are refused before any computation."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, RootModel, StringConstraints, ValidationError

from monitor.wording.refusals import Refusal

MOST_MARKS = 20_000
MOST_LISTED = 100
MOST_LETTERS = 4000

Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Degrees = list[Annotated[float, Field(allow_inf_nan=False)]]


class Mark(BaseModel):
    """Point of a chart in Plotly's event data, of which only customdata, the point's identifier, is kept."""

    customdata: Text | None = None


class Corners(BaseModel):
    """Corners of a box or of a lasso, degrees."""

    x: Degrees = Field(default=[], max_length=MOST_MARKS)
    y: Degrees = Field(default=[], max_length=MOST_MARKS)


class Marks(BaseModel):
    """Chosen points, and the box or lasso around them."""

    points: list[Mark] = Field(default=[], max_length=MOST_MARKS)
    range: Corners | None = None
    lassoPoints: Corners | None = None


class Address(BaseModel):
    """Input or state of a callback: the query string of the page's address."""

    id: Literal["address"]
    property: Literal["search"]
    value: Annotated[str, StringConstraints(max_length=MOST_LETTERS, pattern=r"^[^\x00]*$")] | None = None


class Clicked(BaseModel):
    """Input of a callback: the point that was clicked on the map."""

    id: Literal["points"]
    property: Literal["clickData"]
    value: Marks | None = None


class Selected(BaseModel):
    """Input of a callback: the points within a box or lasso on the map."""

    id: Literal["points"]
    property: Literal["selectedData"]
    value: Marks | None = None


class Listed(BaseModel):
    """Input of a callback: the points that are ticked in the list."""

    id: Literal["listed"]
    property: Literal["value"]
    value: Annotated[list[Text], Field(max_length=MOST_LISTED)] | None = None


class DrawSheet(BaseModel):
    """Request to draw the sheet."""

    output: Literal["sheet.children"]
    inputs: tuple[Address]
    state: tuple[()] = ()


class DrawChosen(BaseModel):
    """Request to draw the chosen points."""

    output: Literal["chosen.children"]
    inputs: tuple[Clicked, Selected, Listed]
    state: tuple[Address]


class Callback(RootModel[DrawSheet | DrawChosen]):
    """Request to one of the two callbacks."""


def callback_body(text: bytes) -> dict[str, Any]:
    """Validate the body of a callback request and return it in the form that Dash dispatches. Raises Refusal."""
    try:
        callback = Callback.model_validate_json(text).root
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False, include_context=False)[0]
        raise Refusal(f"this is no request of the workbench: {first['msg']}", "Open the workbench anew.") from fault
    component, name = callback.output.split(".")
    return callback.model_dump(mode="python") | {"outputs": {"id": component, "property": name}}
