"""Figures that stand in a sentence instead of a table are those of docs/figures."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOREIGN, INJECTED, CLASSICAL = "deformation-foreign", "deformation-injected", "deformation-national-classical"
BASELINES = {name: f"coherence-{name}-rivals" for name in ("structured", "homogeneous")}
SENTENCES = [  # document, result, method (of a bench: the line), metric, digits
    ("deformation", FOREIGN, "model", "false_alarms_per_1000km2", 2),
    ("deformation", FOREIGN, "matched-filter", "false_alarms_per_1000km2", 2),
    ("deformation", FOREIGN, "whitening", "false_alarms_per_1000km2", 2),
    ("deformation", FOREIGN, "model", "pd_3mm_800m", 2),
    ("deformation", FOREIGN, "model", "pd_3mm_2000m", 2),
    ("deformation", FOREIGN, "model", "pd_4mm_300m", 2),
    ("deformation", INJECTED, "model", "pd_3mm_800m", 2),
    ("deformation", INJECTED, "model", "pd_3mm_2000m", 2),
    ("deformation", INJECTED, "model", "pd_4mm_300m", 2),
    ("deformation", INJECTED, "whitening", "pd_3mm_800m", 2),
    ("deformation", INJECTED, "model-tuned", "pd_3mm_800m", 2),
    ("deformation", "deformation-shifted", "model", "pd_3mm_800m", 2),
    ("matched-filter", CLASSICAL, "matched-filter", "object_f1", 2),
    ("matched-filter", CLASSICAL, "threshold", "object_f1", 2),
    ("matched-filter", CLASSICAL, "ada", "object_f1", 2),
    ("matched-filter", CLASSICAL, "getis-ord", "object_f1", 2),
    ("offsets", "offsets-constant-model", None, "sigma_g50", 3),
    ("offsets", "offsets-constant-model", None, "sigma_g70", 3),
    ("offsets", "offsets-constant-model", None, "sigma_g90", 3),
    ("offsets", "offsets-constant-model", None, "bias_max", 3),
    ("offsets", "offsets-constant-whitened", None, "sigma_g50", 3),
    ("offsets", "offsets-constant-whitened", None, "sigma_g70", 3),
    ("offsets", "offsets-constant-whitened", None, "sigma_g90", 3),
    ("offsets", "offsets-fields-model", None, "epe", 3),
    ("offsets", "offsets-fields-model", None, "known_share", 2),
    ("offsets", "offsets-fields-whitened", None, "epe", 3),
    ("offsets", "offsets-foreign", "model", "epe", 3),
    ("offsets", "offsets-foreign", "model", "within_95", 2),
    ("offsets", "offsets-foreign", "model", "noise_known_share", 2),
    ("offsets", "offsets-resolution", "model", "over_rivals_at_equivalent_side_g50", 2),
    ("offsets", "offsets-resolution", "model", "over_rivals_at_equivalent_side_g70", 2),
    ("coherence", "coherence-structured-model", None, "rmse", 3),
    ("coherence", BASELINES["structured"], "posterior-mean", "rmse", 3),
    ("coherence", "coherence-homogeneous-model", None, "rmse", 3),
    ("coherence", BASELINES["homogeneous"], "posterior-mean", "rmse", 3),
    ("coherence", BASELINES["homogeneous"], "posterior-mean", "resolution_px", 0),
    ("coherence", "change-confirmed-model", None, "found_share", 2),
    ("coherence", "change-confirmed-model", None, "false_confirmed_share", 3),
    ("coherence", "change-confirmed-guarnieri-prati", None, "found_share", 2),
    ("surges", "surges", None, "recall", 3),
    ("surges", "surges", None, "recall_within_3_pairs", 3),
    ("surges", "surges", None, "false_alarms_per_100_glacier_years", 2),
    ("surges", "surges-fast", None, "onset_within_one_pair", 2),
    ("kinds", "bench-nations", "one track: objects with an alert", None, 2),
    ("kinds", "bench-nations", "one track: kinds", None, 2),
    ("kinds", "bench-nations", "two tracks: kinds", None, 2),
    ("kinds", "bench-nations", "two tracks: kind groundwater-subsidence", None, 2),
]


def measured(result: str, method: str | None, metric: str | None) -> dict[str, Any]:
    """Return one figure, with its value."""
    content = json.loads((ROOT / "docs/figures" / f"{result}.json").read_text())
    if metric is None:
        return next(line for line in content["results"] if line["what"] == method)
    return (content["methods"][method] if method else content)["metrics"][metric]


@pytest.mark.parametrize(("document", "result", "method", "metric", "digits"), SENTENCES)
def test_a_figure_in_a_sentence_is_what_was_measured(document, result, method, metric, digits):
    text = (ROOT / "docs/models" / f"{document}.md").read_text()
    figure = measured(result, method, metric)
    value = f"{figure['value']:.{digits}f}"
    assert re.search(rf"(?<![\d.]){re.escape(value)}(?!\d)", text), value
