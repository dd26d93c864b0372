"""Checks of what an operator does: an alert is rejected with a note and taken back; a file without data is refused."""

import json
import re
import time

from django.conf import settings
from django.core.management.base import CommandError

from ingest.models import IngestJob
from lab.checks.site import Site

NOTE = "Written by the demo's own check, and taken back at once."
UPLOADED, PATIENCE_SECONDS = "written-by-the-check.csv", 300.0


def check(site: Site) -> str:
    """Review an alert and undo the review; return a one-line summary. Raises CommandError if a step fails."""
    visitor, operator = Site(site.url), signed_in(site)
    waiting = cases_waiting(operator)
    if not waiting:
        return "review: nothing is waiting, so nothing was tried"
    code = waiting[-1]
    before, case = _state(visitor, code), f"review/{code}/"
    form = {"verdict": "reject", "reason_code": "other", "public_note": NOTE, "expected_state": before}
    operator.post(case, form)
    try:
        page = visitor.get(f"alerts/{code}/").decode()
        if "Written by the demo" not in page or "not motion" not in page:
            raise CommandError(f"alert {code} was rejected, and its page does not say so")
    finally:
        trail = operator.get(case).decode().split('id="trail"')[-1]
        review = re.search(r'name="review" value="(\d+)"', trail)
        if review is None:
            raise CommandError(f"the verdict on {code} is not in its trail, or cannot be taken back")
        operator.post(f"review/{code}/undo/", {"review": review[1]}, page=case)
    if _state(visitor, code) != before or "Written by the demo" in visitor.get(f"alerts/{code}/").decode():
        raise CommandError(f"alert {code} is not as it was before its verdict was taken back")
    return f"review: {code} was rejected with a note, shown, and taken back; it is {before} again"


def check_upload(site: Site) -> str:
    """Upload a file without data; return a one-line summary. CommandError if it is not rejected soon, with a reason."""
    operator, deadline = signed_in(site), time.monotonic() + PATIENCE_SECONDS
    operator.post_file("uploads/", "files", UPLOADED, f"nothing,{time.time()}\n".encode(), {"whole": "yes"})
    while time.monotonic() < deadline:
        jobs = json.loads(operator.get("uploads/jobs.json"))["jobs"]
        if jobs and jobs[0]["state"] == "rejected" and "no columns of positions" in jobs[0]["reason"]:
            IngestJob.objects.filter(pk=jobs[0]["id"]).delete()
            return "upload: a file that is no data was sent, read by a worker, and refused in one line"
        time.sleep(0.5)
    raise CommandError(f"a file was sent and no worker took it up in {PATIENCE_SECONDS:.0f} s")


def signed_in(site: Site) -> Site:
    """Return a visitor who is signed in as the demo's operator. Raises CommandError."""
    path, operator = settings.DEMO_ACCOUNTS_FILE, Site(site.url)
    if not path.exists():
        raise CommandError(f"{path} is missing; run manage.py demoaccounts")
    fields = {"username": "operator", "password": json.loads(path.read_text())["operator"]}
    operator.post("login/", fields)
    if "Sign out" not in operator.get("review/").decode():
        raise CommandError("the demo operator could not sign in")
    return operator


def cases_waiting(operator: Site) -> list[str]:
    """Return the codes of the cases on the first page of the queue, in its order."""
    queue = operator.get("review/").decode().split("Recently reviewed")[0]
    return re.findall(r'data-case="(\w+)"', queue)


def _state(visitor: Site, code: str) -> str:
    """Return the state of a public alert."""
    for alert in json.loads(visitor.get("alerts.geojson"))["features"]:
        if alert["properties"]["code"] == code:
            return str(alert["properties"]["state"])
    raise CommandError(f"alert {code} is not public")
