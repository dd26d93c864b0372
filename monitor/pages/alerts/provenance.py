"""What a detection was made from and with, so that it can be checked and done again."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from detection.kinds import Extent, Kind
from detection.models import Detection, SurgeSeries
from monitor.wording.images import method_name

OWN_CARDS = frozenset({"matched-filter", "multi-kernel"})  # methods; others stand in the card of their task


def provenance(detection: Detection) -> dict[str, Any]:
    """Return method, thresholds, hashes and model cards of one detection, for the template `_provenance.html`."""
    prediction = detection.scan.prediction
    run, version = prediction.run, prediction.run.model_version
    series = SurgeSeries.objects.filter(detection=detection).first() if detection.kind == Kind.GLACIER_SURGE else None
    thresholds = series.rule if series else detection.scan.thresholds
    region = detection.extent == Extent.REGION
    return {
        "method": _("wide look, without learning") if region else method_name(version.method),
        # Translators: %(version)s is the version of a model, %(device)s is "cpu" or "cuda"
        "run_version": _("%(version)s, code %(code)s, on %(device)s")
        % {"version": version, "code": run.code_version, "device": run.device},
        "weights_sha256": "" if region else version.weights_sha256,
        "input_sha256": run.input_sha256,
        "raster_sha256": prediction.raster_sha256,
        "thresholds": [] if region else [(name.replace("_", " "), value) for name, value in thresholds.items()],
        "series": _series(series) if series else "",
        "model_cards": _model_cards(detection),
    }


def _series(series: SurgeSeries) -> str:
    n = len(series.predictions)
    pairs = ngettext("%(n)s pair of images of %(glacier)s", "%(n)s pairs of images of %(glacier)s", n)
    return pairs % {"n": n, "glacier": series.glacier}


def _model_cards(detection: Detection) -> list[str]:
    """Return the documents that describe a method: its data, figures and limits."""
    version = detection.scan.prediction.run.model_version
    name = version.method if version.method in OWN_CARDS else version.task.removesuffix("-change")
    names = [name, *(["surges"] if detection.kind == Kind.GLACIER_SURGE else [])]
    return [f"docs/models/{one}.md" for one in names]
