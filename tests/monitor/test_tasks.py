"""What the schedule and the code send to the broker is there to be carried out."""

import re

from django.conf import settings

from monitor.celery import app
from monitor.schedule import BEAT_SCHEDULE, TASK_ROUTES

SENT = re.compile(r"send_task\(\s*\"([\w.]+)\"")


def test_every_task_that_is_sent_exists():
    app.loader.import_default_modules()
    code = [
        path.read_text()
        for app_name in ("ingest", "ml", "detection", "monitor")
        for path in (settings.BASE_DIR / app_name).rglob("*.py")
    ]
    sent = {name for text in code for name in SENT.findall(text)} | {row["task"] for row in BEAT_SCHEDULE.values()}
    assert "ingest.tasks.execute_job" in sent
    assert sent <= set(app.tasks)


def test_every_task_of_ours_has_a_queue():
    ours = {name for name in app.tasks if name.split(".")[0] in {"ingest", "ml", "detection", "monitor"}}
    routes = [route.removesuffix("*") for route in TASK_ROUTES]
    assert all(any(name.startswith(route) for route in routes) for name in ours)
