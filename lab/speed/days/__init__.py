"""A hundred days of a small service in a few minutes: does anything grow, does anything get stuck, is a mail lost?

Web server, workers, mails and visitors are real processes. The clock that the service asks (`timezone.now`) is moved on
by a day as soon as a day's work is done, and everything that beat would have sent is sent by the driver. Detectors are
those without a network.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings

from lab.speed.days.plots import draw
from lab.speed.measure import report

__all__ = ["draw", "run"]

DAYS = 100
SMALL_SERVICE = {
    "DJANGO_SETTINGS_MODULE": "lab.speed.days.settings",
    "DEFORMATION_METHOD": "matched-filter",
    "COHERENCE_METHOD": "guarnieri-prati",
    "OFFSETS_METHOD": "multi-kernel",
    "PAIR_BASELINES_DAYS": "6,12",
    "WATCH_STABLE_SECONDS": "0",
    "DERIVE_AFTER_SECONDS": "0",
    "KEEP_PREDICTION_RASTERS_DAYS": "30",
    "KEEP_SCENE_DAYS": "20",
    "KEEP_SCENES": "3",
    "KEEP_RELEASES": "1",
    "KEEP_JOB_DAYS": "20",
    "LOG_LEVEL": "WARNING",
}


def run(rounds: int = DAYS) -> dict[str, Any]:
    """Live through so many days; RuntimeError with what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        made, mail_port, web_port = Path(folder) / "days.json", _free_port(), _free_port()
        around = os.environ | SMALL_SERVICE
        around |= {
            "BENCH_CLOCK": str(Path(folder) / "clock"),
            "WATCH_FOLDER": str(Path(folder) / "inbox"),
            "RASTER_DIR": str(Path(folder) / "rasters"),
            "UPLOAD_DIR": str(Path(folder) / "uploads"),
            "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
            "PUBLIC_URL": f"http://localhost:{web_port}",
            "PORT": str(web_port),
        }
        command = [sys.executable, "-m", "lab.speed.days.driver", str(rounds), str(made)]
        subprocess.run(command, cwd=settings.BASE_DIR, env=around, check=True)
        lived = json.loads(made.read_text())
    return report("days", lived["results"]) | {"days": lived["days"]}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
