"""What a browser may send to the workbench's callbacks; everything else is refused before anything is computed."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, RootModel, StringConstraints, ValidationError

from monitor.wording.refusals import Refusal

MOST_MARKS = 20_000
MOST_LISTED = 100
MOST_LETTERS = 4000

Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Degrees = list[Annotated[float, Field(allow_inf_nan=False)]]


class Mark(BaseModel):
    """A point in a chart, as Plotly describes it; the rest of the description is not read."""

    customdata: Text | None = None


class Corners(BaseModel):
    """Of a box, or of what was drawn with the lasso; degrees."""

    x: Degrees = Field(default=[], max_length=MOST_MARKS)
    y: Degrees = Field(default=[], max_length=MOST_MARKS)


class Marks(BaseModel):
    points: list[Mark] = Field(default=[], max_length=MOST_MARKS)
    range: Corners | None = None
    lassoPoints: Corners | None = None


class Address(BaseModel):
    id: Literal["address"]
    property: Literal["search"]
    value: Annotated[str, StringConstraints(max_length=MOST_LETTERS, pattern=r"^[^\x00]*$")] | None = None


class Clicked(BaseModel):
    id: Literal["points"]
    property: Literal["clickData"]
    value: Marks | None = None


class Selected(BaseModel):
    id: Literal["points"]
    property: Literal["selectedData"]
    value: Marks | None = None


class Listed(BaseModel):
    id: Literal["listed"]
    property: Literal["value"]
    value: Annotated[list[Text], Field(max_length=MOST_LISTED)] | None = None


class DrawSheet(BaseModel):
    output: Literal["sheet.children"]
    inputs: tuple[Address]
    state: tuple[()] = ()


class DrawChosen(BaseModel):
    output: Literal["chosen.children"]
    inputs: tuple[Clicked, Selected, Listed]
    state: tuple[Address]


class Callback(RootModel[DrawSheet | DrawChosen]):
    """One callback with its values."""


def callback_body(text: bytes) -> dict[str, Any]:
    """The body of a request of the workbench, checked, for Dash to dispatch. Raises Refusal."""
    try:
        callback = Callback.model_validate_json(text).root
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False, include_context=False)[0]
        raise Refusal(f"this is no request of the workbench: {first['msg']}", "Open the workbench anew.") from fault
    component, name = callback.output.split(".")
    return callback.model_dump(mode="python") | {"outputs": {"id": component, "property": name}}
