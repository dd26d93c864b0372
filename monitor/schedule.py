"""The one place that orders the stages: each stage pulls what the stage below has finished.

ingest (a product, or images that become pairs)  ->  ml (runs for it)  ->  detection (areas, series, alerts)
  ->  monitor (mails)
"""

from datetime import timedelta

STAGE_SECONDS = 5.0
FOLLOW_UP_SECONDS = 30.0
FETCH_SECONDS = 60.0
SEARCH_HOURS = 6
PRUNE_SECONDS = 3600.0
SIGN_SECONDS = 30.0
DAY_SECONDS = 86_400

QUEUES = ("ingest", "cpu", "mail")  # those that a service needs; `gpu` may be without a worker

BEAT_SCHEDULE = {
    "data 1 take up what lies in the watched folder": {
        "task": "ingest.tasks.watch_folder",
        "schedule": timedelta(seconds=STAGE_SECONDS),
        "options": {"expires": STAGE_SECONDS},
    },
    "data 2 announce files that are waiting": {
        "task": "ingest.tasks.announce_jobs",
        "schedule": timedelta(seconds=STAGE_SECONDS),
        "options": {"expires": STAGE_SECONDS},
    },
    "data 3 delete uploads that are over": {"task": "ingest.tasks.delete_uploads", "schedule": timedelta(hours=1)},
    "data 4 look for new images": {
        "task": "monitor.tasks.search_images",
        "schedule": timedelta(hours=SEARCH_HOURS),
        "options": {"expires": SEARCH_HOURS * 3600},
    },
    "data 5 fetch images that are wanted": {
        "task": "ingest.tasks.fetch_images",
        "schedule": timedelta(seconds=FETCH_SECONDS),
        "options": {"expires": FETCH_SECONDS},
    },
    "1 return runs whose worker died": {"task": "ml.tasks.requeue_expired_runs", "schedule": timedelta(seconds=30)},
    "2 pair new images": {
        "task": "ingest.tasks.pair_new_scenes",
        "schedule": timedelta(seconds=STAGE_SECONDS),
    },
    "2 compare a release with the one before": {
        "task": "ingest.tasks.compare_releases",
        "schedule": timedelta(seconds=FOLLOW_UP_SECONDS),
    },
    "2 derive up and east from two directions": {
        "task": "ingest.tasks.derive_products",
        "schedule": timedelta(seconds=FOLLOW_UP_SECONDS),
    },
    "3 queue runs for every new product and pair": {
        "task": "ml.tasks.queue_due_runs",
        "schedule": timedelta(seconds=STAGE_SECONDS),
    },
    "4 turn finished predictions into alerts": {
        "task": "detection.tasks.scan_finished_predictions",
        "schedule": timedelta(seconds=STAGE_SECONDS),
    },
    "5 follow the glaciers through their pairs": {
        "task": "detection.tasks.follow_glaciers",
        "schedule": timedelta(seconds=FOLLOW_UP_SECONDS),
        "options": {"expires": FOLLOW_UP_SECONDS},
    },
    "6 delete what is over": {
        "task": "monitor.tasks.prune",
        "schedule": timedelta(days=1),
        "options": {"expires": PRUNE_SECONDS},
    },
    "mail 1 queue the news of alerts": {
        "task": "monitor.tasks.announce_transitions",
        "schedule": timedelta(seconds=STAGE_SECONDS),
        "options": {"expires": STAGE_SECONDS},
    },
    "mail 2 send what is queued": {
        "task": "monitor.tasks.send_messages",
        "schedule": timedelta(seconds=STAGE_SECONDS),
        "options": {"expires": STAGE_SECONDS},
    },
    "mail 3 make the digests that are due": {"task": "monitor.tasks.queue_digests", "schedule": timedelta(hours=1)},
    "site 1 clear expired sessions": {
        "task": "monitor.tasks.clear_sessions",
        "schedule": timedelta(days=1),
        "options": {"expires": DAY_SECONDS},
    },
    "mail 4 delete what is over": {"task": "monitor.tasks.delete_what_is_over", "schedule": timedelta(hours=1)},
    **{
        f"health: a sign of life through the queue {queue}": {
            "task": "monitor.tasks.give_sign",
            "args": [queue],
            "schedule": timedelta(seconds=SIGN_SECONDS),
            "options": {"queue": queue, "expire_seconds": int(SIGN_SECONDS)},
        }
        for queue in QUEUES
    },
}

TASK_ROUTES = {
    "ingest.tasks.*": {"queue": "ingest"},
    "ml.tasks.execute_run": {"queue": "cpu"},
    "ml.tasks.*": {"queue": "ingest"},
    "detection.tasks.*": {"queue": "ingest"},
    "monitor.tasks.search_images": {"queue": "ingest"},
    "monitor.tasks.prune": {"queue": "ingest"},
    "monitor.tasks.*": {"queue": "mail"},
}
