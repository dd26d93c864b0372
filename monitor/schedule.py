"""The one place that orders the stages: each stage pulls what the stage below has finished.

ingest (a product is loaded)  ->  ml (a run for it)  ->  detection (areas, alerts)
"""

from datetime import timedelta

STAGE_SECONDS = 5.0

BEAT_SCHEDULE = {
    "1 return runs whose worker died": {"task": "ml.tasks.requeue_expired_runs", "schedule": timedelta(seconds=30)},
    "2 queue a run for every new product": {
        "task": "ml.tasks.queue_due_runs",
        "schedule": timedelta(seconds=STAGE_SECONDS),
    },
    "3 turn finished predictions into alerts": {
        "task": "detection.tasks.scan_finished_predictions",
        "schedule": timedelta(seconds=STAGE_SECONDS),
    },
}

TASK_ROUTES = {
    "ml.tasks.execute_run": {"queue": "cpu"},
    "ml.tasks.*": {"queue": "ingest"},
    "detection.tasks.*": {"queue": "ingest"},
}
