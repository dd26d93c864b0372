"""Tables in documents are those that scripts/figures makes from docs/figures; figures in sentences are theirs, too."""

import json
import re
import subprocess

import pytest

from lab import figures, results
from lab.management.commands.bench import NAMES

ROOT = figures.ROOT
SHIPPED = {json.loads(path.read_text())["weights_sha256"] for path in (ROOT / "ground_motion/weights").glob("*.json")}
RESULTS = {path.stem: json.loads(path.read_text()) for path in sorted(figures.FOLDER.glob("*.json"))}
COMMIT, ORIGINS = re.compile(r"(?:^|-g|, )([0-9a-f]{7,40})(?=-dirty|,|$)"), ("commit", "published_in")


def test_every_table_is_what_its_results_say():
    definitions, texts = figures.tables(), {path: path.read_text() for path in figures.documents()}
    stale = [str(path) for path, text in texts.items() if figures.renewed(text, definitions) != text]
    assert stale == [], "run scripts/figures"


def test_documents_show_known_tables_and_the_workbench_has_labels_for_every_result():
    """A table that no document shows still says what the metrics of its results are called."""
    shown = {name for path in figures.documents() for _, name, _ in figures.BLOCK.findall(path.read_text())}
    used = {result for table in figures.tables().values() for result in table["results"]}
    assert shown <= set(figures.tables())
    assert used == {*RESULTS}


def test_a_result_has_a_command_or_is_frozen_and_is_of_the_weights_that_are_shipped():
    for name, content in RESULTS.items():
        if "results" in content:  # of scripts/bench
            assert content.get("frozen") or content["name"] in NAMES, name
            continue
        for result in figures.results_of(content):
            assert result.command or content["frozen"], name
            assert result.weights_sha256 is None or result.weights_sha256 in SHIPPED, name


def test_a_figure_of_deformation_is_of_todays_code_decision_and_weights_or_says_that_it_is_not():
    of_today = {name: content for name, content in RESULTS.items() if "code" in content or not content.get("frozen")}
    stale = {name: results.changed_files(of_today[name]) for name in of_today if name.startswith("deformation")}
    assert {name: files for name, files in stale.items() if files} == {}, "measure it again (scripts/figures --measure)"


def test_a_result_names_commits_that_are_in_the_repository():
    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True).stdout

    if not (ROOT / ".git").exists():
        pytest.skip("no checkout, thus no commits")
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        pytest.skip("a shallow clone, which lacks older commits")
    commits = git("rev-list", "HEAD").split()
    for name, content in RESULTS.items():
        stated = [part.get(key, "") for part in (content, *content.get("methods", {}).values()) for key in ORIGINS]
        named = {commit for text in stated for commit in COMMIT.findall(str(text))}
        assert named, f"{name} names no commit"
        lost = [commit for commit in named if not any(known.startswith(commit) for known in commits)]
        assert not lost, f"{name}: measure it again (scripts/figures --measure), or take it out"


@pytest.fixture
def keep(tmp_path):
    """Write a result."""

    def keep(file: str = "r", **content) -> None:
        usual = {"method": "m", "weights_sha256": None, "commit": "c", "command": "python -m ml evaluate x"}
        (tmp_path / f"{file}.json").write_text(json.dumps(usual | content))

    return keep


def test_a_table_states_weights_commit_and_command(tmp_path, keep):
    command = "python -m ml evaluate coherence --method model --json docs/figures/r.json"
    metrics = {"rmse": {"value": 0.12676, "low": 0.1223, "high": 0.1316}}
    keep(weights_sha256="db59f31e01118f85", commit="098323ad9fbe", metrics=metrics, command=command)
    text = figures.render({"results": ["r"], "metrics": {"rmse": "RMSE"}, "digits": 3}, tmp_path)
    assert "| RMSE | 0.127 (0.122–0.132) |" in text
    assert "Weights db59f31e, commit 098323ad9fbe" in text
    assert "    python -m ml evaluate coherence --method model\n" in text


def test_a_changed_result_changes_the_document(tmp_path, keep):
    table = {"t": {"results": ["r"], "metrics": ["epe"]}}
    keep(metrics={"epe": {"value": 0.5}})
    text = figures.renewed("<!-- figures: t -->\n<!-- end -->\n", table, tmp_path)
    assert "0.50" in text
    assert figures.renewed(text, table, tmp_path) == text
    keep(metrics={"epe": {"value": 0.6}})
    assert re.sub("0.50", "0.60", text) == figures.renewed(text, table, tmp_path)


def test_accuracies_of_a_bench_stand_in_a_column_for_each_case(tmp_path, keep):
    lines = [
        {"what": f"{case}: kinds", "value": value, "unit": "macro-F1", "low": 0.8, "high": 0.9, "control": None}
        for case, value in (("one track", 0.8), ("two tracks", 0.87))
    ]
    keep("nations", name="nations", note="ten of them", results=lines)
    text = figures.render({"results": ["nations"], "kind": "accuracy"}, tmp_path)
    assert "| | one track | two tracks |" in text.replace("|  |", "| |")
    assert "| kinds, macro-F1 | 0.80 (0.80–0.90) | 0.87 (0.80–0.90) |" in text
    assert "* `scripts/bench nations`: commit c; ten of them." in text


def test_a_table_shows_what_is_chosen_and_no_interval_without_width(tmp_path, keep):
    wide = {"value": 134.7, "low": 120.2, "high": 150.1}
    keep(metrics={"a": {"value": 1, "low": 1, "high": 1}, "b": wide, "c": {"value": 2}})
    table = {"results": ["r"], "metrics": {"a": "first", "b": "second", "c": "third"}, "shown": ["b", "a"]}
    text = figures.render(table, tmp_path)
    assert "| second | 135 (120–150) |\n| first | 1.00 |\n" in text
    assert "third" not in text


def test_a_table_of_speeds_leaves_lines_out(tmp_path, keep):
    keep(
        "tiles",
        name="tiles",
        results=[{"what": what, "value": 1, "unit": "s"} for what in ("a tile", "a tile, other median")],
    )
    text = figures.render({"results": ["tiles"], "kind": "bench", "left_out": ["other median"]}, tmp_path)
    assert "| a tile | 1 s |" in text
    assert "other median" not in text


def test_results_of_different_commands_have_each_their_own(tmp_path, keep):
    for name, size, weights in (("a", "10", None), ("b", "20", "b4" * 8)):
        command = f"python -m ml evaluate offsets --method {name} --size {size}"
        more = {"command": f"{command} --json docs/figures/{name}.json", "metrics": {"epe": {"value": 1}}}
        keep(name, method=name, weights_sha256=weights, commit="c1", **more)
    text = figures.render({"results": ["a", "b"], "metrics": ["epe"]}, tmp_path)
    assert "Commit c1: a, b (weights b4b4b4b4)." in text
    assert "    python -m ml evaluate offsets --method a --size 10\n" in text
    assert "    python -m ml evaluate offsets --method b --size 20\n" in text


CLASSICAL = "deformation-national-classical"
FAST, FAST_FIGURES = ("glacier_10", "glacier_30", "landslide_3", "landslide_10"), ("known_share", "outlier_share")
PLACES = ("ustica_descending", "donana_descending", "offida")
FOUND = [f"moving_found_at_{share}" for share in ("1_in_1000", "1_in_100", "5_in_100")]
DAMAGE = ["damage_told", "damage_balanced", "damaged_called_negligible"]
SENTENCES = [  # document, result, method (of a bench: the line), digits, metrics
    ("matched-filter", CLASSICAL, "matched-filter", 2, ["object_f1"]),
    ("matched-filter", CLASSICAL, "threshold", 2, ["object_f1"]),
    ("matched-filter", CLASSICAL, "ada", 2, ["object_f1"]),
    ("matched-filter", CLASSICAL, "getis-ord", 2, ["object_f1"]),
    ("offsets", "offsets-foreign", "model", 3, ["epe"]),
    ("offsets", "offsets-foreign", "model", 2, ["within_95", "noise_known_share"]),
    *(
        ("offsets", "offsets-fast", method, 2, [f"{case}_{name}" for case in FAST for name in FAST_FIGURES])
        for method in ("model", "cc-res-siamnet", "whitened")
    ),
    *(
        ("offsets", "offsets-real", method, 3, ["rmse_unseen_place", "rmse_registered_unseen_place"])
        for method in ("model", "cc-res-siamnet", "law-172", "ncc-172", "whitened-172")
    ),
    ("coherence", "coherence-homogeneous", "residual-unet", 3, ["rmse"]),
    ("coherence", "coherence-homogeneous", "posterior-mean", 3, ["rmse"]),
    ("coherence", "coherence-homogeneous", "posterior-mean", 0, ["resolution_px"]),
    ("coherence", "change-model", None, 3, ["auc_change"]),
    ("coherence", "change-real-model", None, 2, ["inserted_found_share_shipped"]),
    ("coherence", "change-confirmed-model", None, 2, ["found_share"]),
    ("coherence", "change-confirmed-model", None, 3, ["false_confirmed_share"]),
    ("coherence", "change-confirmed-guarnieri-prati", None, 2, ["found_share"]),
    ("surges", "surges", None, 3, ["recall", "recall_within_3_pairs"]),
    ("surges", "surges", None, 2, ["false_alarms_per_100_glacier_years"]),
    ("surges", "surges-fast", None, 2, ["onset_within_one_pair"]),
    ("deformation", "deformation-equal-model", None, 0, ["real_false_alarms_per_1000km2"]),
    *(
        ("living", "living-hidden-year", f"{place}: {case}", digits, metrics)
        for place in PLACES
        for case in ("common", "all")
        for digits, metrics in ((1, ["rmse_12_months_mm", "curve_12_months_mm"]), (2, ["within_one_sigma", "share"]))
    ),
    *(
        ("series", "series-motion", case, 2, [f"found_{change}" for change in changes])
        for case, changes in {
            "begins-white": ("16mm_6_days", "8mm_6_days", "8mm_12_days"),
            "rests-white": ("16mm_12_days",),
            "slower-coloured": ("16mm_6_days", "16mm_12_days", "8mm_12_days"),
            "rests-coloured": ("8mm_12_days",),
        }.items()
    ),
    (
        "structures",
        "structures-buildings",
        "model",
        2,
        ["known", "within_90", "moving_within_90", "moving_told_within_90", "deviation_within_90"],
    ),
    ("structures", "structures-buildings", "model", 2, ["tilt_within_90", "tilt_limit_within_90", *FOUND, *DAMAGE]),
    ("structures", "structures-buildings", "nearest", 2, ["within_90", *FOUND]),
    ("structures", "structures-lines", "model", 2, ["placed_within_50_m"]),
    ("structures", "structures-lines", "model", 1, ["false_per_100_km_year"]),
    ("kinds", "bench-nations", "one track: objects with an alert", 2, [None]),
    ("kinds", "bench-nations", "one track: kinds", 2, [None]),
    ("kinds", "bench-nations", "two tracks: kinds", 2, [None]),
    ("kinds", "bench-nations", "two tracks: kind groundwater-subsidence", 2, [None]),
]


@pytest.mark.parametrize(("document", "result", "method", "digits", "metrics"), SENTENCES)
def test_a_figure_in_a_sentence_is_what_was_measured(document, result, method, digits, metrics):
    text, content = (ROOT / "docs/models" / f"{document}.md").read_text(), RESULTS[result]
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    if metrics == [None]:
        found = {None: next(line for line in content["results"] if line["what"] == method)}
    else:
        found = (content["methods"][method] if method else content)["metrics"]
    for metric in metrics:
        value = f"{found[metric]['value']:.{digits}f}"
        assert re.search(rf"(?<![\d.]){re.escape(value)}(?!\d)", text), (metric, value)


def test_what_a_document_says_of_numbers_of_gains_stands_on_the_card():
    validation = json.loads((ROOT / "ground_motion/weights/overwrapped-cnn.json").read_text())["training"]["validation"]
    (said,) = re.findall(r"\*\*Paper 1\*\*.*", (ROOT / "docs/models/deformation.md").read_text())
    found = validation["found, by gains"]
    figures = [found[gains]["bowls"][0] for gains in ("1", "1, 2, 4, 8, 16")]
    figures += map(abs, found["1, 2, 4, 8, 16"]["bowls, more than by one gain"])
    assert [value for value in figures if f"{value:.2f}" not in said] == []
