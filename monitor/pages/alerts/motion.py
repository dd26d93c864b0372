"""The block of an alert's page that shows since when its ground moves, and what changed."""

from typing import Any

from detection.models import Alert, AlertMotion
from monitor.wording.components import both_directions
from monitor.wording.families.changes import change_rows, curve_sentences, season_sentence
from monitor.wording.figures import with_uncertainty
from monitor.wording.images import data_set_name


def motion_rows(alert: Alert) -> dict[str, Any] | None:
    """Return the sentences, table and chart data of the motion; None without a series."""
    motion = AlertMotion.objects.filter(alert=alert).select_related("product").first()
    if motion is None:
        return None
    negative, positive = both_directions(motion.product.component)
    return {
        "sentences": [*curve_sentences(motion, motion.product.component), *season_sentence(motion)],
        "rate": with_uncertainty(motion.rate_mm_yr, motion.rate_sigma_mm_yr),
        "source": data_set_name(motion.product.name),
        "n_dates": motion.n_dates,
        "changes": change_rows(motion.product.component, motion.fit),
        "chart": motion.fit | {"negative_word": negative, "positive_word": positive},
    }
