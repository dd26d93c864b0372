"""The bench of coherence runs, and says what was measured; how fast is no matter of a test."""

from ground_motion.runtime.methods import methods
from lab.speed import coherence


def test_the_bench_times_the_network_and_the_windows_against_one_control():
    report = coherence.run(rounds=1, size_px=64)
    assert report["name"] == "coherence"
    lines = [row["what"] for row in report["results"] if ", cpu, " in row["what"]]
    assert [line.split(",")[0].split(" ")[0] for line in lines] == [
        one for one in methods("coherence") if one != coherence.CONTROL
    ]
    assert all(row["value"] > 0 and row["unit"] == "Mpx/s" for row in report["results"])
