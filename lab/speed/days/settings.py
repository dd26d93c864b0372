"""The service's settings, and its clock moved on by as many days as the file BENCH_CLOCK says."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from django.utils import timezone

from monitor.settings import *  # noqa: F403

_CLOCK = Path(os.environ["BENCH_CLOCK"])
_now = timezone.now


def _moved() -> datetime:
    return _now() + timedelta(days=int(_CLOCK.read_text()))


timezone.now = _moved
