"""Glossary: terms of the field in plain words, for the page that explains them and for hints on other pages."""

from typing import Any, NamedTuple

from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Term(NamedTuple):
    """Term with its meaning in a sentence or two. key: its English name, for templates and addresses."""

    key: str
    name: Any
    meaning: Any

    @property
    def slug(self) -> str:
        """Return the key in the form that is used in addresses."""
        return slugify(self.key)


GLOSSARY = (
    Term(
        "Alert",
        pgettext_lazy("word of the glossary", "Alert"),
        _("A place that stands out, with a code and an address of its own from the first sight to its end."),
    ),
    Term(
        "Amplitude image",
        pgettext_lazy("word of the glossary", "Amplitude image"),
        _("What a radar image looks like: how strongly each spot of the ground reflects."),
    ),
    Term(
        "Ascending, descending",
        pgettext_lazy("word of the glossary", "Ascending, descending"),
        _(
            "The two directions in which a satellite passes: toward the north, looking roughly east; toward the south, "
            "looking roughly west."
        ),
    ),
    Term(
        "Coherence",
        pgettext_lazy("word of the glossary", "Coherence"),
        _(
            "How alike two radar images are at a spot, from 0 to 1. It drops where the surface changes: by building "
            "work, ploughing, snow or a landslide."
        ),
    ),
    Term(
        "Displacement",
        pgettext_lazy("word of the glossary", "Displacement"),
        _("How far a point has moved since the first date, in millimetres."),
    ),
    Term(
        "InSAR",
        pgettext_lazy("word of the glossary", "InSAR"),
        _(
            "Interferometric synthetic-aperture radar: the comparison of radar images of different days, which shows "
            "changes of distance to a few millimetres."
        ),
    ),
    Term(
        "Line of sight",
        pgettext_lazy("word of the glossary", "Line of sight"),
        _(
            "The slanted line between satellite and ground. One track measures motion along it only: toward the "
            "satellite or away from it."
        ),
    ),
    Term(
        "Measurement point",
        pgettext_lazy("word of the glossary", "Measurement point"),
        _("A spot that reflects radar steadily, with a speed and often a history of motion."),
    ),
    Term(
        "Millimetres a year",
        pgettext_lazy("word of the glossary", "Millimetres a year"),
        _("How fast a point moves: 10 mm a year are one centimetre a year."),
    ),
    Term(
        "Offset",
        pgettext_lazy("word of the glossary", "Offset"),
        _("How far a spot has moved between two images, in pixels: for ice and slides that move by metres."),
    ),
    Term(
        "Probably 12 to 16",
        pgettext_lazy("word of the glossary", "Probably 12 to 16"),
        _("The range in which the true figure lies in nine of ten such places."),
    ),
    Term(
        "Reference",
        pgettext_lazy("word of the glossary", "Reference"),
        _("The ground that a data set takes to be still. All other motion is measured against it."),
    ),
    Term(
        "Temporal baseline",
        pgettext_lazy("word of the glossary", "Temporal baseline"),
        _("The time between two radar images."),
    ),
    Term(
        "Tilt",
        pgettext_lazy("word of the glossary", "Tilt"),
        _(
            "How much more one end of a stretch of ground sinks than the other. It strains walls; even sinking does "
            "not."
        ),
    ),
    Term(
        "Track",
        pgettext_lazy("word of the glossary", "Track"),
        _("The strip of ground that a satellite sees on one of its repeated orbits."),
    ),
    Term(
        "Unwrapping error",
        pgettext_lazy("word of the glossary", "Unwrapping error"),
        _("A step in a history of motion by half a wavelength, about 28 mm, which is a fault of the processing."),
    ),
)
BY_NAME = {term.key.lower(): term for term in GLOSSARY}
