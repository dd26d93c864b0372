"""What all answers of the interface have in common."""

from django.utils.functional import Promise
from ninja import Schema
from pydantic import field_validator


class Answer(Schema):
    """An answer whose words are those of the language of the request."""

    @field_validator("*", mode="before")
    @classmethod
    def _spoken(cls, value: object) -> object:
        """Words of a table are looked up when they are said."""
        return str(value) if isinstance(value, Promise) else value
