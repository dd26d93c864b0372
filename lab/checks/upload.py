"""Check that an operator's upload of a file without data is refused with one line on the page."""

import json
import time

from django.conf import settings
from django.core.management.base import CommandError

from ingest.models import IngestJob
from lab.checks.site import Site

NAME, PATIENCE_SECONDS = "written-by-the-check.csv", 300.0


def check(site: Site) -> str:
    """Upload a file without data; return a one-line summary. CommandError if it is not rejected soon, with a reason."""
    operator = Site(site.url)
    password = json.loads(settings.DEMO_ACCOUNTS_FILE.read_text())["operator"]
    operator.post("login/", {"username": "operator", "password": password})
    operator.post_file("uploads/", "files", NAME, f"nothing,{time.time()}\n".encode(), {"whole": "yes"})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        jobs = json.loads(operator.get("uploads/jobs.json"))["jobs"]
        if jobs and jobs[0]["state"] == "rejected" and "no columns of positions" in jobs[0]["reason"]:
            IngestJob.objects.filter(pk=jobs[0]["id"]).delete()
            return "upload: a file that is no data was sent, read by a worker, and refused in one line"
        time.sleep(0.5)
    raise CommandError(f"a file was sent and no worker took it up in {PATIENCE_SECONDS:.0f} s")
