"""The Celery application; what runs when stands in monitor/schedule.py."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")

app = Celery("monitor")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def watch_from_mail_worker(**kwargs: Any) -> None:
    """The worker of mails examines the service, so that a stopped beat is noticed."""
    if "mail" in app.amqp.queues.consume_from:
        from monitor.health.watchman import Watchman

        Watchman(everything=True).start()


@beat_init.connect
def watch_from_beat(**kwargs: Any) -> None:
    """Beat examines the service as well, so that a stopped worker of mails is noticed."""
    from monitor.health.watchman import Watchman

    Watchman(everything=False).start()
