"""Check of a review: an operator signs in, rejects an alert with a note, finds it on the public page, and undoes it."""

import json
import re

from django.conf import settings
from django.core.management.base import CommandError

from lab.checks.site import Site

NOTE = "Written by the demo's own check, and taken back at once."


def check(site: Site) -> str:
    """Review an alert and undo the review; return a one-line summary. Raises CommandError if a step fails."""
    path = settings.DEMO_ACCOUNTS_FILE
    if not path.exists():
        raise CommandError(f"{path} is missing; run manage.py demoaccounts")
    visitor, operator = Site(site.url), Site(site.url)
    fields = {"username": "operator", "password": json.loads(path.read_text())["operator"]}
    operator.post("login/", fields)
    queue = operator.get("review/").decode()
    if "Sign out" not in queue:
        raise CommandError("the demo operator could not sign in")
    waiting = re.findall(r'data-case="(\w+)"', queue.split("Recently reviewed")[0])
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


def _state(visitor: Site, code: str) -> str:
    """Return the state of a public alert."""
    for alert in json.loads(visitor.get("alerts.geojson"))["features"]:
        if alert["properties"]["code"] == code:
            return alert["properties"]["state"]
    raise CommandError(f"alert {code} is not public")
