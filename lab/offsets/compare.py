"""`python -m lab.offsets.compare`: methods and baseline methods on the same pairs of a benchmark, as JSON."""

from lab import compare_command
from lab.offsets import critical, evaluate, fast, foreign_evaluate, real_evaluate

BENCHMARKS = (
    *(*evaluate.BENCHMARKS, *critical.BENCHMARKS, *real_evaluate.BENCHMARKS),
    *(fast.BENCHMARK, foreign_evaluate.BENCHMARK),
)


if __name__ == "__main__":
    compare_command.main("lab.offsets.compare", BENCHMARKS, "--methods")
