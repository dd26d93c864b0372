"""`python -m lab.coherence.compare METHOD …`: several methods on the same simulated pairs, each pair made once."""

from lab import compare_command
from lab.coherence.evaluate import BENCHMARKS

if __name__ == "__main__":
    compare_command.main("lab.coherence.compare", BENCHMARKS)
