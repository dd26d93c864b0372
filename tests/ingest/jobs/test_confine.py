"""A confined command cannot take more than its limits, and how it ended is known."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.jobs.confine import Ended, Limits, run_confined
from tests.waiting import HANG_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[3]
ROOMY = Limits(memory_bytes=2**31, cpu_seconds=60, file_bytes=2**30, wall_seconds=HANG_SECONDS)


@pytest.mark.parametrize(
    ("code", "limits", "ended"),
    [
        ("while True: pass", {"cpu_seconds": 1}, Ended.CPU),
        ("import time; time.sleep(3600)", {"wall_seconds": 1}, Ended.TIME),
        ("import os; os.kill(os.getpid(), 9)", {}, Ended.KILLED),
        ("import os; os.abort()", {}, Ended.CRASHED),
        ("import sys; sys.exit(3)", {}, Ended.DONE),
    ],
)
def test_a_confined_command_ends_and_it_is_known_how(code, limits, ended):
    assert confined(code, ROOMY._replace(**limits)).ended is ended


@pytest.mark.parametrize(
    "code",
    [
        "bytearray(3 * 2**30)",
        "open('large', 'wb').write(bytes(2**21))",
        "[open('/dev/null') for _ in range(1000)]",
        "import resource; assert resource.getrlimit(resource.RLIMIT_CORE) != (0, 0)",
        "import os; assert os.nice(0) < 10",
    ],
)
def test_limits_hold_for_memory_files_and_dumps(code, tmp_path):
    limits = ROOMY._replace(memory_bytes=2**31, file_bytes=2**20)
    assert confined(f"import os; os.chdir({str(tmp_path)!r})\n{code}", limits).code == 1


def test_a_confined_command_dies_with_whoever_waits_for_it(tmp_path):
    mark = tmp_path / "pid"
    sleep = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    program = (
        "import os, sys; from pathlib import Path; from ingest.jobs.confine import *\n"
        f"run_confined([sys.executable, '-c', {sleep!r}], environment=os.environ, folder=Path('.'),"
        " limits=Limits(2**31, 9, 2**20, 60), go_on=lambda computed: True, every_seconds=1)"
    )
    waiting = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    wait_until(lambda: mark.exists() and mark.read_text())
    waiting.kill()
    waiting.wait()
    wait_until(lambda: not alive(int(mark.read_text())))


def confined(code: str, limits: Limits):
    return run_confined(
        [sys.executable, "-c", code],
        environment=os.environ | {"PYTHONFAULTHANDLER": ""},
        folder=ROOT,
        limits=limits,
        go_on=lambda computed: True,
        every_seconds=0.05,
    )


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
