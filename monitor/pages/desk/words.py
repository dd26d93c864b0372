"""Sentences of the workbench."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from numpy.typing import NDArray

from ground_motion.statistics.relations import Relation
from ingest.models import Product
from monitor.pages.desk.query import Attribute
from monitor.wording.components import both_directions, component_label
from monitor.wording.figures import percent, signed, whole
from monitor.wording.images import data_set_name

STRONG, WEAK = 0.7, 0.3  # limits of a correlation for the words used


def extent(n_drawn: int, n_points: int) -> str:
    """Describe how many of the points a sheet shows."""
    if n_drawn >= n_points:
        text = ngettext("All %(drawn)s point.", "All %(drawn)s points.", n_drawn)
        return text % {"drawn": whole(n_drawn)}
    return _("An even sample of %(drawn)s of about %(all)s points.") % {"drawn": whole(n_drawn), "all": whole(n_points)}


def sides(product: Product) -> str:
    """Describe the meaning of negative and positive values in a data set."""
    negative, positive = both_directions(product.component)
    return _("Negative: %(negative)s. Positive: %(positive)s.") % {"negative": negative, "positive": positive}


def titled(attribute: Attribute) -> str:
    """Return the label of an attribute with its unit."""
    return _("%(name)s (%(unit)s)") % {"name": attribute.label, "unit": attribute.unit}


def product_title(product: Product) -> str:
    """Return the title of a data set in lists: name, component, first and last year."""
    return _("%(name)s, %(component)s, %(first)s–%(last)s") % {
        "name": data_set_name(product.name),
        "component": component_label(product.component),
        "first": product.dates[0].year,
        "last": product.dates[-1].year,
    }


def outer_bars(values: NDArray[Any], low: float, high: float) -> str:
    """State the share of velocities beyond a histogram's axis and their range; empty if there are none."""
    share = float(np.mean((values < low) | (values > high)))
    if not share:
        return ""
    text = _("The outer bars hold the %(share)s beyond, from %(low)s to %(high)s.")
    ends = {"low": signed(float(values.min()), 1), "high": signed(float(values.max()), 1)}
    return text % {"share": percent(share, 1), **ends}


def at_the_edge(found: Relation) -> str:
    """State how many points lie beyond the axes of a cross-plot; empty if there are none."""
    text = ngettext(
        "%(count)s point beyond the axes is shown at their ends.",
        "%(count)s points beyond the axes are shown at their ends.",
        found.n_beyond,
    )
    return text % {"count": whole(found.n_beyond)} if found.n_beyond else ""


def where(parts: Sequence[Promise | str], medians: Mapping[int, float]) -> str:
    """Name the parts of the ground with the lowest and the highest median, mm/yr; empty if there is only one part."""
    if len(medians) < 2:
        return ""
    low, high = min(medians, key=lambda at: medians[at]), max(medians, key=lambda at: medians[at])
    # Translators: %(lowest)s and %(highest)s are parts of the ground: "north-west", "in the middle"
    text = _("Lowest median: %(low)s mm a year (%(lowest)s). Highest: %(high)s mm a year (%(highest)s).")
    rates = {"low": signed(medians[low], 1), "high": signed(medians[high], 1)}
    return text % {**rates, "lowest": parts[low], "highest": parts[high]}


def moved_most(named: Sequence[tuple[str, float]]) -> str:
    """Name the series with the largest change from first to last date, mm; empty if no change is known."""
    known = [one for one in named if math.isfinite(one[1])]
    if not known:
        return ""
    name, change = max(known, key=lambda one: abs(one[1]))
    text = _("Moved farthest, from the first to the last date: %(name)s, %(change)s mm.")
    return text % {"name": name, "change": signed(change, 1)}


def related(found: Relation) -> str:
    """Describe how two attributes are correlated."""
    if not math.isfinite(found.spearman) or not math.isfinite(found.slope):
        return _("One of the two is the same for all points: nothing can be said about how they go together.")
    strength = abs(found.spearman)
    if strength < WEAK:
        text = _("The two hardly go together (rank correlation %(number)s).")
    elif found.spearman > 0 and strength >= STRONG:
        text = _("Where one is larger, the other is larger, too (rank correlation %(number)s).")
    elif found.spearman > 0:
        text = _("Where one is larger, the other is often larger, too (rank correlation %(number)s).")
    elif strength >= STRONG:
        text = _("Where one is larger, the other is smaller (rank correlation %(number)s).")
    else:
        text = _("Where one is larger, the other is often smaller (rank correlation %(number)s).")
    return text % {"number": number(found.spearman)}


def number(value: float, digits: int = 2) -> str:
    """Format a number, without a plus; a dash if it is not finite."""
    return signed(value, digits).removeprefix("+")
