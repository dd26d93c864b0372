"""Glossary: terms of the field in plain words, for the page that explains them and for hints on other pages."""

from typing import Any, NamedTuple

from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override, pgettext_lazy


class Term(NamedTuple):
    """Term with its meaning in a sentence or two."""

    name: Any
    meaning: Any

    @property
    def key(self) -> str:
        """Return the English name, for templates."""
        with override(None):
            return str(self.name)

    @property
    def slug(self) -> str:
        """Return the key in the form that is used in addresses."""
        return slugify(self.key)


GLOSSARY = (
    Term(
        pgettext_lazy("word of the glossary", "Alert"),
        _("A place that moves, with a code and an address of its own from its detection to its end."),
    ),
    Term(
        pgettext_lazy("word of the glossary", "Amplitude image"),
        _("What a radar image looks like: how strongly each spot of the ground reflects."),
    ),
    Term(
        pgettext_lazy("word of the glossary", "Ascending, descending"),
        _(
            "The two directions in which a satellite passes: toward the north, looking roughly east; toward the south, "
            "looking roughly west."
        ),
    ),
    Term(
        pgettext_lazy("word of the glossary", "Coherence"),
        _(
            "How alike two radar images are at a spot, from 0 to 1. It drops where the surface changes: by building "
            "work, ploughing, snow or a landslide."
        ),
    ),
    Term(
        pgettext_lazy("word of the glossary", "Displacement"),
        _("How far a point has moved since the first date, in millimetres."),
    ),
    Term(
        pgettext_lazy("word of the glossary", "InSAR"),
        _(
            "Interferometric synthetic-aperture radar: the comparison of radar images of different days, which shows "
            "changes of distance to a few millimetres."
        ),
    ),
    Term(
        pgettext_lazy("word of the glossary", "Line of sight"),
        _(
            "The slanted line between satellite and ground. One track measures motion along it only: toward the "
            "satellite or away from it."
        ),
    ),
    Term(
        pgettext_lazy("word of the glossary", "Measurement point"),
        _("A spot that reflects radar steadily, with a speed and often a history of motion."),
    ),
    Term(
        pgettext_lazy("word of the glossary", "Millimetres a year"),
        _("How fast a point moves: 10 mm a year are one centimetre a year."),
    ),
    Term(
        pgettext_lazy("word of the glossary", "Offset"),
        _("How far a spot has moved between two images, in pixels: for ice and slides that move by metres."),
    ),
    Term(
        pgettext_lazy("word of the glossary", "Probably 12 to 16"),
        _("The range in which the true figure lies in nine of ten such places."),
    ),
    Term(
        pgettext_lazy("word of the glossary", "Reference"),
        _("The ground that a data set takes to be still. All other motion is measured against it."),
    ),
    Term(pgettext_lazy("word of the glossary", "Temporal baseline"), _("The time between two radar images.")),
    Term(
        pgettext_lazy("word of the glossary", "Tilt"),
        _(
            "How much more one end of a stretch of ground sinks than the other. It strains walls; even sinking does "
            "not."
        ),
    ),
    Term(
        pgettext_lazy("word of the glossary", "Track"),
        _("The strip of ground that a satellite sees on one of its repeated orbits."),
    ),
    Term(
        pgettext_lazy("word of the glossary", "Unwrapping error"),
        _("A step in a history of motion by half a wavelength, about 28 mm, which is a fault of the processing."),
    ),
)
BY_NAME = {term.key.lower(): term for term in GLOSSARY}
