"""Project package: settings, tasks, and all pages, mails and interfaces that people use."""

from monitor.celery import app as celery_app

__all__ = ["celery_app"]
