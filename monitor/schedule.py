"""The one place that orders the stages: each stage pulls what the stage below has finished.

ingest (a product, or images that become pairs)  ->  ml (runs for it)  ->  detection (areas, alerts)
"""

from datetime import timedelta

STAGE_SECONDS = 5.0

BEAT_SCHEDULE = {
    "1 return runs whose worker died": {"task": "ml.tasks.requeue_expired_runs", "schedule": timedelta(seconds=30)},
    "2 pair new images": {
        "task": "ingest.tasks.pair_new_scenes",
        "schedule": timedelta(seconds=STAGE_SECONDS),
    },
    "3 queue runs for every new product and pair": {
        "task": "ml.tasks.queue_due_runs",
        "schedule": timedelta(seconds=STAGE_SECONDS),
    },
    "4 turn finished predictions into alerts": {
        "task": "detection.tasks.scan_finished_predictions",
        "schedule": timedelta(seconds=STAGE_SECONDS),
    },
}

TASK_ROUTES = {
    "ingest.tasks.*": {"queue": "ingest"},
    "ml.tasks.execute_run": {"queue": "cpu"},
    "ml.tasks.*": {"queue": "ingest"},
    "detection.tasks.*": {"queue": "ingest"},
}
