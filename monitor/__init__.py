"""Project package: settings, tasks, and all pages, mails and interfaces that people use."""

from ingest.jobs.confine import hide_process
from monitor.celery import app as celery_app

hide_process()  # Every process with secrets imports this package.

__all__ = ["celery_app"]
