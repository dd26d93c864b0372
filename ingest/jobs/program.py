"""Program of the confined process that loads a job's file; its fork server starts Django before it knows any secret."""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import django
from django.conf import Settings, settings
from django.core.files.storage import storages
from django.db import connections

django.setup()

from ingest.jobs.child import job_carry_out  # noqa: E402 (its tables need Django)


def main(arguments: Sequence[str]) -> None:
    """Load the file of a job. arguments: number of the job, of the attempt, folder of copies from the object store."""
    job, attempt, folder = arguments
    # The server knew none of this process's own variables, so the settings are read anew.
    importlib.reload(sys.modules[settings.SETTINGS_MODULE])
    settings._wrapped = Settings(settings.SETTINGS_MODULE)
    for handler in (connections, storages):  # Drop connections and storages made with the old settings.
        vars(handler).clear()
        handler.__init__()  # type: ignore[misc]
    job_carry_out(job_id=int(job), attempt=int(attempt), folder=Path(folder))
