"""The project package and everything that people see."""

from monitor.celery import app as celery_app

__all__ = ["celery_app"]
