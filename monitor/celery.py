"""Celery application; monitor/schedule.py states which task runs when."""

import os

from celery import Celery

from monitor.start.process import process_prepare

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")

app = Celery("monitor")
app.on_configure.connect(process_prepare)  # Celery calls this just before it reads the settings.
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
