"""Exposure of alerts, what stands on their ground: for cards, for programs, and as a block of the alert's page."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from detection.models import Alert, AlertExposure
from detection.selectors import Tilt
from monitor.wording.dates import day_words
from monitor.wording.exposure import building_tilt_sentence, exposure_rows, exposure_sentence

FIGURES = ("buildings", "main_road_km", "other_road_km", "railway_km", "people")
DIGITS = 2


def exposures_of(alerts: Sequence[Alert]) -> dict[int, AlertExposure]:
    """Return exposures by the alert's row, in one query; none for alerts that were never counted."""
    return {one.alert_id: one for one in AlertExposure.objects.filter(alert__in=[alert.pk for alert in alerts])}


def sentence_of(exposure: AlertExposure) -> str:
    """Return the exposure in a sentence."""
    return exposure_sentence(exposure.buildings, exposure.main_road_km, exposure.railway_km, exposure.people)


def tilt_sentence_of(tilt: Tilt | None, exposure: AlertExposure | None) -> str:
    """Return the steepest tilt of an alert, if something is built on it or that is not known."""
    buildings, people = (exposure.buildings, exposure.people) if exposure else (None, None)
    return building_tilt_sentence(tilt, buildings, people)


def as_answer(exposure: AlertExposure) -> dict[str, object]:
    """Return figures, null where no layer covers the area, and the layers that were counted."""
    figures = {name: getattr(exposure, name) for name in FIGURES}
    rounded = {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in figures.items()}
    return rounded | {"sources": exposure.sources}


def exposure_block(alert: Alert) -> dict[str, Any]:
    """Return the block of an alert's page; empty where no layer covers the alert."""
    exposure = exposures_of([alert]).get(alert.pk)
    if exposure is None or not exposure.sources:
        return {"exposure_rows": []}
    return {
        "exposure_rows": exposure_rows(*(getattr(exposure, name) for name in FIGURES)),
        "exposure_sources": [_source(**source) for source in exposure.sources],
    }


def _source(kind: str, name: str, loaded_on: str, attribution: str) -> str:
    source = {"name": name, "kind": kind, "attribution": attribution, "day": day_words(date.fromisoformat(loaded_on))}
    # Translators, here and below: %(name)s is the name of a file or a data set, %(kind)s what it holds
    credited = _("%(name)s (%(kind)s, %(attribution)s), loaded %(day)s")
    return (credited if attribution else _("%(name)s (%(kind)s), loaded %(day)s")) % source
