"""`python -m lab.offsets.compare`: methods and baseline methods on the same pairs of a benchmark, as JSON."""

from lab import compare_command
from lab.offsets import agreement, critical, evaluate, fast, foreign_evaluate, real_evaluate

BENCHMARKS = (
    *(*evaluate.BENCHMARKS, *critical.BENCHMARKS, *agreement.BENCHMARKS),
    *(fast.BENCHMARK, real_evaluate.BENCHMARK, foreign_evaluate.BENCHMARK),
)

if __name__ == "__main__":
    compare_command.main("lab.offsets.compare", BENCHMARKS, "--methods")
