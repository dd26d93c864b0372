"""Schedule of the stages: each stage looks for what the stage before it has finished.

ingest (a product, or images that become pairs) -> ml (runs) -> detection (areas, series, alerts) -> monitor (mails)

Queues: `cpu` and `gpu` for runs, `ingest` for the other work of the stages; `mail` and `housekeeping` have a worker of
their own, so that work of the other queues does not hold them up.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

STAGE = timedelta(seconds=5)
FOLLOW_UP = timedelta(seconds=30)
FETCH = timedelta(minutes=1)
EVENTS = timedelta(minutes=5)
EVENT_IMAGES = timedelta(minutes=30)
ORDER = timedelta(minutes=10)
SEARCH = timedelta(hours=6)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SIGN = timedelta(seconds=30)
QUEUES = ("ingest", "cpu", "mail", "housekeeping")  # A service needs workers for these queues; `gpu` may have none.
TASK_ROUTES = {
    "ingest.tasks.announce_jobs": {"queue": "housekeeping"},
    "ingest.tasks.delete_uploads": {"queue": "housekeeping"},
    "ingest.tasks.*": {"queue": "ingest"},
    "ml.tasks.execute_run": {"queue": "cpu"},
    "ml.tasks.requeue_expired_runs": {"queue": "housekeeping"},
    "ml.tasks.*": {"queue": "ingest"},
    "detection.tasks.*": {"queue": "ingest"},
    "monitor.tasks.search_images": {"queue": "ingest"},
    "monitor.tasks.search_images_of_events": {"queue": "ingest"},
    "monitor.tasks.take_events": {"queue": "ingest"},
    "monitor.tasks.draft_bulletins": {"queue": "ingest"},
    "monitor.tasks.publish_site": {"queue": "ingest"},
    "monitor.tasks.seal_evidence": {"queue": "ingest"},
    "monitor.tasks.read_lines": {"queue": "ingest"},
    "monitor.tasks.prune": {"queue": "housekeeping"},
    "monitor.tasks.clear_sessions": {"queue": "housekeeping"},
    "monitor.tasks.delete_what_is_over": {"queue": "housekeeping"},
    "monitor.tasks.*": {"queue": "mail"},
}


def every(period: timedelta, task: str, args: Sequence[str] = (), **options: str) -> dict[str, Any]:
    """Return a task's entry in the schedule. Its message expires after one period, because then the next is sent."""
    # django-celery-beat silently ignores Celery's own `expires` and knows only this option.
    expiring = {"expire_seconds": int(period.total_seconds()), **options}
    return {"task": task, "schedule": period, "args": [*args], "options": expiring}


BEAT_SCHEDULE = {
    "data 1 take up what lies in the watched folder": every(STAGE, "ingest.tasks.watch_folder"),
    "data 2 announce files that are waiting": every(STAGE, "ingest.tasks.announce_jobs"),
    "data 3 delete uploads that are over": every(HOUR, "ingest.tasks.delete_uploads"),
    "data 4 look for new images": every(SEARCH, "monitor.tasks.search_images"),
    "data 5 advance what is ordered": every(ORDER, "ingest.tasks.advance_orders"),
    "data 5 fetch images that are wanted": every(FETCH, "ingest.tasks.fetch_images"),
    "data 6 take earthquakes and eruptions from catalogues": every(EVENTS, "monitor.tasks.take_events"),
    "data 7 look for images of events": every(EVENT_IMAGES, "monitor.tasks.search_images_of_events"),
    "1 return runs whose worker died": every(FOLLOW_UP, "ml.tasks.requeue_expired_runs"),
    "2 pair new images": every(STAGE, "ingest.tasks.pair_new_scenes"),
    "2 compare a release with the one before": every(FOLLOW_UP, "ingest.tasks.compare_releases"),
    "2 derive up and east from two directions": every(FOLLOW_UP, "ingest.tasks.derive_products"),
    "2 merge small partitions of neighbours": every(FETCH, "ingest.tasks.merge_points"),
    "3 queue runs for every new product and pair": every(STAGE, "ml.tasks.queue_due_runs"),
    "3 prolong series by new passes": every(FOLLOW_UP, "ml.tasks.extend_living_series"),
    "4 turn finished predictions into alerts": every(STAGE, "detection.tasks.scan_finished_predictions"),
    "3 search new products for changes of trend": every(FOLLOW_UP, "ml.tasks.search_trends"),
    "3 compute how buildings move": every(FOLLOW_UP, "ml.tasks.make_ledgers"),
    "4 turn what new passes show into alerts": every(FOLLOW_UP, "detection.tasks.follow_passes"),
    "5 draft bulletins of what was searched": every(FOLLOW_UP, "monitor.tasks.draft_bulletins"),
    "5 follow the glaciers through their pairs": every(FOLLOW_UP, "detection.tasks.follow_glaciers"),
    "5 complete what alerts can be checked by": every(FOLLOW_UP, "detection.tasks.complete_evidence"),
    "5 seal the evidence of alerts": every(FOLLOW_UP, "monitor.tasks.seal_evidence"),
    "5 tell changes of alerts that had to wait": every(DAY, "detection.tasks.follow_alerts"),
    "5 read how lines move": every(FOLLOW_UP, "monitor.tasks.read_lines"),
    "6 publish what is public as files": every(EVENTS, "monitor.tasks.publish_site"),
    "6 delete what is over": every(DAY, "monitor.tasks.prune"),
    "mail 1 queue the news of alerts": every(STAGE, "monitor.tasks.announce_transitions"),
    "mail 1 ask who takes up alerts": every(FOLLOW_UP, "monitor.tasks.ask_who_takes_up"),
    "mail 1 queue the news of lines": every(FOLLOW_UP, "monitor.tasks.announce_breaks"),
    "mail 1 issue CAP messages about alerts": every(FOLLOW_UP, "monitor.tasks.issue_cap_messages"),
    "mail 2 send what is queued": every(STAGE, "monitor.tasks.send_messages"),
    "mail 3 make the digests that are due": every(HOUR, "monitor.tasks.queue_digests"),
    "site 1 clear expired sessions": every(DAY, "monitor.tasks.clear_sessions"),
    "mail 4 delete what is over": every(HOUR, "monitor.tasks.delete_what_is_over"),
    **{
        f"health: a sign of life through the queue {queue}": every(
            SIGN, "monitor.tasks.give_sign", args=[queue], queue=queue
        )
        for queue in QUEUES
    },
}
