"""The bench of deformation runs and says what was measured; how fast is no matter of a test."""

import pytest

from lab.speed import deformation


@pytest.mark.usefixtures("fewer_kills")
def test_the_bench_compares_every_stage_with_gridding_and_a_killed_run_with_a_whole_one():
    report = deformation.run(points=200_000)
    rows = {row["what"]: row["value"] for row in report["results"]}
    stages = [rows[f"nation: {stage}"] for stage in deformation.STAGES.values()]
    assert all(seconds > 0 for seconds in stages)
    ratio = rows["nation: gridding, search and network, as multiples of gridding"]
    assert ratio == pytest.approx(sum(stages) / stages[0], rel=0.01)
    assert rows["nation: from points to maps, as a multiple of gridding"] >= ratio
    assert rows["killed 1 times: the same result"] == 1


@pytest.fixture
def fewer_kills(monkeypatch):
    monkeypatch.setattr(deformation, "KILLS", 1)
    monkeypatch.setattr(deformation, "PIECES", 1)
    monkeypatch.setattr(deformation, "SMALLER", 4)
