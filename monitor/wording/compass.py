"""Bearings in words."""

from django.utils.translation import gettext_lazy, pgettext_lazy

COMPASS = (
    pgettext_lazy("point of the compass", "north"),
    pgettext_lazy("point of the compass", "north-east"),
    pgettext_lazy("point of the compass", "east"),
    pgettext_lazy("point of the compass", "south-east"),
    pgettext_lazy("point of the compass", "south"),
    pgettext_lazy("point of the compass", "south-west"),
    pgettext_lazy("point of the compass", "west"),
    pgettext_lazy("point of the compass", "north-west"),
)
TOWARD = (
    gettext_lazy("to the north"),
    gettext_lazy("to the north-east"),
    gettext_lazy("to the east"),
    gettext_lazy("to the south-east"),
    gettext_lazy("to the south"),
    gettext_lazy("to the south-west"),
    gettext_lazy("to the west"),
    gettext_lazy("to the north-west"),
)


def compass(bearing_deg: float) -> str:
    """'south-east': a bearing, clockwise from north, in words."""
    return str(COMPASS[_eighth(bearing_deg)])


def toward(bearing_deg: float) -> str:
    """'to the south-east': the way of something that moves."""
    return str(TOWARD[_eighth(bearing_deg)])


def _eighth(bearing_deg: float) -> int:
    return round(bearing_deg / 45.0) % 8
