"""The bench of deformation runs a whole product and its network; the tests check no speed."""

from lab.speed import deformation


def test_the_bench_times_a_product_and_the_network_each_against_a_control():
    report = deformation.run(rounds=1, points=2_000, side=64)
    assert report["name"] == "deformation"
    assert [(row["unit"], row["n"]) for row in report["results"]] == [("s", 1), ("million cells/s", 1)]
    assert all(row["value"] > 0 and row["ratio"] > 0 for row in report["results"])


def test_the_control_finds_the_rate_of_a_bowl_without_the_detector():
    narrowest, *_ = deformation.smoothed(deformation.simulated_product(50_000))
    assert narrowest.min() < -5
    assert abs(float(narrowest[narrowest > -1].mean())) < 0.3
