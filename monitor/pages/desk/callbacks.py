"""Schemas of valid requests to the workbench's callbacks; other requests are refused before any computation."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, RootModel, StringConstraints, ValidationError

from monitor.wording.refusals import Refusal

MAX_PIDS = 200  # One chart shows the series of at most this many points.
MAX_LETTERS = 4000
MAX_OUTLINE = 2000

Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]


class Choice(BaseModel):
    """Chosen points. pids: identifiers of some; n: number of all; area: their outline in the format of the address."""

    pids: list[Text] = Field(default=[], max_length=MAX_PIDS)
    n: int = Field(default=0, ge=0, lt=2**31)
    area: Annotated[str, StringConstraints(max_length=MAX_OUTLINE, pattern=r"^[0-9.,;-]*$")] = ""


class Address(BaseModel):
    """Input or state of a callback: the query string of the page's address."""

    id: Literal["address"]
    property: Literal["search"]
    value: Annotated[str, StringConstraints(max_length=MAX_LETTERS, pattern=r"^[^\x00]*$")] | None = None


class Theme(BaseModel):
    """Input of a callback: the theme of the page, and whether the screen is touched."""

    id: Literal["theme"]
    property: Literal["data"]
    value: Literal["light", "dark", "light-touch", "dark-touch"] | None = None


class Chosen(BaseModel):
    """Input of a callback: the chosen points."""

    id: Literal["choice"]
    property: Literal["data"]
    value: Choice | None = None


class DrawSheet(BaseModel):
    """Request to draw the sheet."""

    output: Literal["sheet.children"]
    inputs: tuple[Address, Theme]
    state: tuple[()] = ()


class DrawChosen(BaseModel):
    """Request to draw the chosen points."""

    output: Literal["chosen.children"]
    inputs: tuple[Chosen, Theme]
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
