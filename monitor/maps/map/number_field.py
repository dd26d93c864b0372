"""Coordinates and distances in forms."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class NumberField(forms.FloatField):
    """Decimal number as people type it: with a point or a comma, with or without a degree sign."""

    widget = forms.TextInput

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.error_messages["invalid"] = _("Type a number, such as 46.99.")
        self.widget.attrs["inputmode"] = "text"  # a phone's keypad of digits may lack the minus sign

    def to_python(self, value: Any) -> float | None:
        """Return the number."""
        if isinstance(value, str):
            value = value.strip().rstrip("°").strip().replace("−", "-")
            value = value.replace(",", ".") if "." not in value else value
        return super().to_python(value)
