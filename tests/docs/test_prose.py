"""Figures that stand in a sentence instead of a table are those of docs/figures."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOREIGN, INJECTED, CLASSICAL = "deformation-foreign", "deformation-injected", "deformation-national-classical"
BASELINES = {name: f"coherence-{name}-rivals" for name in ("structured", "homogeneous")}
SENTENCES = [  # document, result, method (of a bench: the line), digits, metrics
    ("deformation", FOREIGN, "model", 2, ["false_alarms_per_1000km2", "pd_3mm_800m", "pd_3mm_2000m", "pd_4mm_300m"]),
    ("deformation", FOREIGN, "matched-filter", 2, ["false_alarms_per_1000km2"]),
    ("deformation", FOREIGN, "whitening", 2, ["false_alarms_per_1000km2"]),
    ("deformation", INJECTED, "model", 2, ["pd_3mm_800m", "pd_3mm_2000m", "pd_4mm_300m"]),
    ("deformation", INJECTED, "whitening", 2, ["pd_3mm_800m"]),
    ("deformation", INJECTED, "model-tuned", 2, ["pd_3mm_800m"]),
    ("deformation", "deformation-shifted", "model", 2, ["pd_3mm_800m"]),
    ("matched-filter", CLASSICAL, "matched-filter", 2, ["object_f1"]),
    ("matched-filter", CLASSICAL, "threshold", 2, ["object_f1"]),
    ("matched-filter", CLASSICAL, "ada", 2, ["object_f1"]),
    ("matched-filter", CLASSICAL, "getis-ord", 2, ["object_f1"]),
    ("offsets", "offsets-constant-model", None, 3, ["sigma_g50", "sigma_g70", "sigma_g90", "bias_max"]),
    ("offsets", "offsets-constant-whitened", None, 3, ["sigma_g50", "sigma_g70", "sigma_g90"]),
    ("offsets", "offsets-fields-model", None, 3, ["epe"]),
    ("offsets", "offsets-fields-model", None, 2, ["known_share"]),
    ("offsets", "offsets-fields-whitened", None, 3, ["epe"]),
    ("offsets", "offsets-foreign", "model", 3, ["epe"]),
    ("offsets", "offsets-foreign", "model", 2, ["within_95", "noise_known_share"]),
    (
        "offsets",
        "offsets-resolution",
        "model",
        2,
        ["over_rivals_at_equivalent_side_g50", "over_rivals_at_equivalent_side_g70"],
    ),
    ("coherence", "coherence-structured-model", None, 3, ["rmse"]),
    ("coherence", BASELINES["structured"], "posterior-mean", 3, ["rmse"]),
    ("coherence", "coherence-homogeneous-model", None, 3, ["rmse"]),
    ("coherence", BASELINES["homogeneous"], "posterior-mean", 3, ["rmse"]),
    ("coherence", BASELINES["homogeneous"], "posterior-mean", 0, ["resolution_px"]),
    ("coherence", "change-confirmed-model", None, 2, ["found_share"]),
    ("coherence", "change-confirmed-model", None, 3, ["false_confirmed_share"]),
    ("coherence", "change-confirmed-guarnieri-prati", None, 2, ["found_share"]),
    ("surges", "surges", None, 3, ["recall", "recall_within_3_pairs"]),
    ("surges", "surges", None, 2, ["false_alarms_per_100_glacier_years"]),
    ("surges", "surges-fast", None, 2, ["onset_within_one_pair"]),
    ("kinds", "bench-nations", "one track: objects with an alert", 2, [None]),
    ("kinds", "bench-nations", "one track: kinds", 2, [None]),
    ("kinds", "bench-nations", "two tracks: kinds", 2, [None]),
    ("kinds", "bench-nations", "two tracks: kind groundwater-subsidence", 2, [None]),
]


def measured(result: str, method: str | None, metric: str | None) -> dict[str, Any]:
    """Return one figure, with its value."""
    content = json.loads((ROOT / "docs/figures" / f"{result}.json").read_text())
    if metric is None:
        return next(line for line in content["results"] if line["what"] == method)
    return (content["methods"][method] if method else content)["metrics"][metric]


@pytest.mark.parametrize(("document", "result", "method", "digits", "metrics"), SENTENCES)
def test_a_figure_in_a_sentence_is_what_was_measured(document, result, method, digits, metrics):
    text = (ROOT / "docs/models" / f"{document}.md").read_text()
    for metric in metrics:
        value = f"{measured(result, method, metric)['value']:.{digits}f}"
        assert re.search(rf"(?<![\d.]){re.escape(value)}(?!\d)", text), (metric, value)
