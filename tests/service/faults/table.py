"""docs/faults.csv: every fault of the list has tests. Run as a program, it prints their files, each once."""

import csv
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def rows() -> list[dict[str, str]]:
    with (ROOT / "docs" / "faults.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def files() -> list[str]:
    """Files and folders of tests, relative to the project."""
    return sorted({path for row in rows() for path in row["tests"].split()})


if __name__ == "__main__":
    sys.stdout.write("".join(f"{path}\n" for path in files()))
