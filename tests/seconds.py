"""Processor seconds of each part of the tests, with all processes that they start, for weights.toml.

scripts/test names the file in which they are left, and shows which files of tests use most. Those of the private
PostgreSQL and Redis, which no test starts, are not counted.
"""

import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest

FILE = "GROUND_MOTION_SECONDS"
NAME = "processor_seconds"
TICKS = os.sysconf("SC_CLK_TCK")
COLLECTION = "collection"  # what was used before a worker's first test
MOST = 25  # files of tests that are shown


def machine() -> str:
    """Return what kind of machine this is: processor and number of cores."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    about = [re.search(rf"^{name}\s*: (.*)$", text, re.M) for name in ("model name", "cpu family", "model", "stepping")]
    return f"{' '.join(found[1] for found in about if found)}, {os.cpu_count()} cores"


def used_seconds(pid: int) -> float:
    """Return the processor seconds of a process, of its descendants, and of those of them that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        threads = [*Path(f"/proc/{pid}/task").glob("*/children")]
        children = {int(child) for thread in threads for child in thread.read_text(encoding="utf-8").split()}
    except (FileNotFoundError, ProcessLookupError):  # It has just ended.
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS + sum(map(used_seconds, children))


def part(file: str) -> str:
    """Return the folder of tests that a file is in, as weights.toml calls it."""
    folders = file.split("/")[1:-1]
    return COLLECTION if file == COLLECTION else folders[0] if folders else "modules"


class Meter:
    """Counter of each test file's seconds: noted in each worker, summed where the reports arrive.

    The clock is read where a file of tests ends and not after each test, because a browser has many processes.
    """

    def __init__(self) -> None:
        self.before, self.ends_file = 0.0, False
        self.found: dict[str, float] = {}  # not reported yet
        self.files: Counter[str] = Counter()

    def since(self) -> float:
        """Return the seconds since the last call, or 0 where a process ended that nobody waited for."""
        now = used_seconds(os.getpid())
        since, self.before = max(now - self.before, 0.0), now
        return since

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        self.ends_file = nextitem is None or nextitem.path != item.path
        if not self.before:
            self.found[COLLECTION] = self.since()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]):
        report = yield
        if call.when == "teardown" and self.ends_file:
            self.found[item.nodeid.partition("::")[0]] = self.since()
            report.user_properties += [(NAME, self.found)]
            self.found = {}
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == NAME:
                self.files.update(value)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        sums = Counter[str]()
        for file, seconds in self.files.items():
            sums[part(file)] += seconds
        parts = {name: round(sums[name], 1) for name in sorted(sums)}
        Path(os.environ[FILE]).write_text(json.dumps({"machine": machine(), "parts": parts}), encoding="utf-8")
        terminalreporter.section(f"{sum(parts.values()):.0f} s of processor time on {machine()}")
        for name, seconds in (*parts.items(), *self.files.most_common(MOST)):
            terminalreporter.line(f"{seconds:8.1f} s  {name}")


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get(FILE):
        config.pluginmanager.register(Meter())
