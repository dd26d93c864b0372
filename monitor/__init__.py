"""Project package: settings, tasks, and all pages, mails and interfaces that people use."""

import gc

gc.disable()  # until `MonitorConfig.ready`: nothing imported is garbage, and to look through it takes a quarter longer

from monitor.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
