"""What a browser may send to the workbench's callbacks; everything else is refused before anything is computed."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, RootModel, StringConstraints, ValidationError

from monitor.wording.refusals import Refusal

MOST_MARKS = 20_000

Pid = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]


class Mark(BaseModel):
    """A point in a chart, as Plotly describes it; the rest of the description is not read."""

    customdata: Pid | None = None


class Marks(BaseModel):
    points: list[Mark] = Field(default=[], max_length=MOST_MARKS)


class ProductId(BaseModel):
    id: Literal["product-id"]
    property: Literal["data"]
    value: Annotated[int, Field(strict=True)]


class Clicked(BaseModel):
    id: Literal["points"]
    property: Literal["clickData"]
    value: Marks | None = None


class Selected(BaseModel):
    id: Literal["points"]
    property: Literal["selectedData"]
    value: Marks | None = None


class DrawProduct(BaseModel):
    output: Literal["..histogram.figure...points.figure...histogram-words.children...series-words.children.."]
    inputs: tuple[ProductId]
    state: tuple[()] = ()


class DrawSeries(BaseModel):
    output: Literal["series.figure"]
    inputs: tuple[Clicked, Selected]
    state: tuple[ProductId]


class Callback(RootModel[DrawProduct | DrawSeries]):
    """One callback with its values."""


def callback_body(*, text: bytes, product_id: int) -> dict[str, Any]:
    """The body of a request for this product's workbench, checked, for Dash to dispatch. Raises Refusal."""
    remedy = "Open the workbench from the page of a data set."
    try:
        callback = Callback.model_validate_json(text).root
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False, include_context=False)[0]
        raise Refusal(f"this is no request of the workbench: {first['msg']}", remedy) from fault
    of_product = callback.inputs if isinstance(callback, DrawProduct) else callback.state
    if of_product[0].value != product_id:
        raise Refusal("the request is for another data set than its address", remedy)
    return callback.model_dump(mode="python")
