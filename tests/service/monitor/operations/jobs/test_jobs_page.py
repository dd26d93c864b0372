"""The page Jobs: what is waiting, running or failed, why, and what operators may do about it."""

from datetime import timedelta

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.functional import Promise

from detection.models import AuditEntry
from ingest.foundation.failures import Cause
from ingest.models import IngestJob, PairOrder, Product, SceneDownload, StandingOrder, StepFailure
from ml.models import ModelVersion, Run
from monitor.models.messages import OutgoingMessage
from monitor.operations.jobs.kinds import ADVICE, GROUPS, KINDS
from monitor.web.guards import VIEWERS
from tests.makers.people import account, signed_in
from tests.waiting import reread

pytestmark = pytest.mark.django_db
SOON = timedelta(minutes=8)
MANY = 60  # jobs, on several pages


def make_run(number: int = 1, **values) -> Run:
    version, _ = ModelVersion.objects.get_or_create(task="deformation", method="made", version=f"{number}")
    return Run.objects.create(model_version=version, product=made_product(), **values)


def made_product() -> Product:
    values = {"source_format": "made", "component": "los", "file_name": "made.csv", "file_sha256": "a" * 64}
    values |= {"n_points": 1, "footprint": MultiPolygon(Polygon.from_bbox((10, 60, 11, 61))), "dates": []}
    return Product.objects.get_or_create(name="made", defaults=values)[0]


def make_message(**values) -> OutgoingMessage:
    n = OutgoingMessage.objects.count()
    return OutgoingMessage.objects.create(
        **{"kind": "link", "key": f"link:{n}", "address": "anna@example.org", "next_try_at": timezone.now()} | values
    )


def one_of_each(**values) -> None:
    error = {"error": "The disk of RASTER_DIR is full: free space.", "cause": "disk"} | values
    IngestJob.objects.create(source="upload", original_name="a.csv", stored_path="/nowhere/a.csv", **error)
    make_run(Run.objects.count(), **error)
    n = SceneDownload.objects.count()
    state = {"state": "wanted"} if error.get("state") == "queued" else {}
    SceneDownload.objects.create(source="asf", scene_id=f"S1A-{n}", url="https://x", file_name="x", **(error | state))
    area = MultiPolygon(Polygon.from_bbox((10, 60, 11, 61)))
    order = StandingOrder.objects.create(name="made", outline=area, processor="INSAR_ISCE_BURST")
    days = {"reference_at": timezone.now(), "secondary_at": timezone.now(), "reference": [], "secondary": []}
    PairOrder.objects.create(standing_order=order, key=f"{n}", track=1, piece="1-IW1", **days, **(error | state))
    make_message(error=error["error"], **{name: values[name] for name in ("state", "next_try_at") if name in values})
    StepFailure.objects.create(step="search", subject_id=n, subject="made on 2026", **error)


def test_every_follow_up_step_has_a_name(operator):
    failed = {"subject": "made on 2026", "state": "failed", "error": "It failed."}
    for number, step in enumerate(StepFailure.Step):
        StepFailure.objects.create(step=step, subject_id=number, **failed)
    page = operator.get("/jobs/", {"kind": "steps"}).content.decode()
    assert page.count("made on 2026") >= len(StepFailure.Step)
    assert "New passes over a data set" in page


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_shows_its_reason_the_advice_and_the_next_attempt(operator, kind):
    next_try_at = timezone.now() + SOON
    one_of_each(state="queued", next_try_at=next_try_at)
    page = operator.get("/jobs/", {"kind": kind}).content.decode()
    assert "The disk of RASTER_DIR is full: free space." in page
    assert "Waiting to be tried again" in page
    assert f"{next_try_at:%H:%M}" in page
    assert "Try now" in page
    if kind != "messages":
        assert "It goes on by itself when there is room again." in page


def test_no_address_of_a_reader_stands_on_the_page(operator):
    make_message(state="failed", error="550 5.1.1 <reader@example.org>: Recipient address rejected")
    page = operator.get("/jobs/", {"kind": "messages"}).content.decode()
    assert "Recipient address rejected" in page
    assert "reader" not in page
    assert "example.org" not in page


def test_a_failed_run_is_tried_again_with_a_row_in_the_audit(operator):
    run = make_run(state="failed", cause="program", error="A fault in this program.", faults=3, attempts=3)
    answer = operator.post(f"/jobs/runs/{run.pk}/retry/", {"state": "failed"}, follow=True)
    assert "is tried again" in answer.content.decode()
    assert answer.redirect_chain[0][0] == "/jobs/?kind=runs&state=failed"
    assert (reread(run).state, run.faults, run.attempts, run.error) == ("queued", 0, 3, "")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.subject) == ("anna", "retry a job", f"runs {run.pk}")


def test_a_running_run_that_is_cancelled_is_lost_to_its_worker(operator):
    run = make_run(state="running", attempts=1, lease_until=timezone.now() + timedelta(minutes=1))
    operator.post(f"/jobs/runs/{run.pk}/cancel/")
    assert (reread(run).state, run.lease_until, run.error) == ("cancelled", None, "Cancelled by anna.")
    assert AuditEntry.objects.get().action == "cancel a job"
    again = operator.post(f"/jobs/runs/{run.pk}/cancel/", follow=True)
    assert "cannot be cancelled any more" in again.content.decode()
    assert AuditEntry.objects.count() == 1


def test_a_viewer_reads_and_finds_no_button(operator):
    viewer, run = (
        signed_in(account("vera", VIEWERS)),
        make_run(state="failed", cause="program", error="A fault in this program."),
    )
    page = viewer.get("/jobs/", {"kind": "runs"}).content.decode()
    assert "A fault in this program." in page
    assert "Try again</button>" not in page.replace("\n", "")
    assert f"/jobs/runs/{run.pk}/retry/" not in page
    assert viewer.post(f"/jobs/runs/{run.pk}/retry/").status_code == 403


def test_what_is_not_there_is_not_found_and_nonsense_does_no_harm(operator):
    for address in ("/jobs/runs/999999/retry/", "/jobs/toys/1/cancel/", f"/jobs/runs/{10**30}/retry/"):
        assert operator.post(address).status_code == 404
    assert operator.get("/jobs/", {"kind": "toys", "state": "'", "page": "x"}).status_code == 200
    assert operator.get("/jobs/runs/1/retry/").status_code == 405


def test_a_filter_shows_one_state_and_pages_keep_it(operator):
    for number in range(60):
        IngestJob.objects.create(source="watch", original_name=f"f{number}.csv", state="failed")
    IngestJob.objects.create(source="watch", original_name="waits.csv")
    page = operator.get("/jobs/", {"kind": "files", "state": "failed"}).content.decode()
    assert "Page 1 of 2" in page
    assert "waits.csv" not in page
    assert "kind=files&amp;state=failed&amp;page=2" in page
    assert "waits.csv" in operator.get("/jobs/", {"kind": "files", "state": "waiting"}).content.decode()


def test_many_jobs_of_a_kind_take_as_many_queries_as_one(operator, make_alert):
    transition = make_alert().transitions.get()

    def queries() -> dict[str, int]:
        OutgoingMessage.objects.update(transition=transition)
        counts = {}
        for kind in KINDS:
            with CaptureQueriesContext(connection) as captured:
                assert operator.get("/jobs/", {"kind": kind}).status_code == 200
            counts[kind] = len(captured)
        return counts

    one_of_each(state="failed")
    queries()
    few = queries()
    for _ in range(MANY):
        one_of_each(state="failed")
    assert queries() == few


def test_the_command_puts_failed_jobs_back(capsys):
    one_of_each(state="failed")
    run, waiting = Run.objects.get(), make_run(7, next_try_at=timezone.now() + SOON)
    call_command("retry", "--failed")
    output = capsys.readouterr().out
    assert "runs: 1 are tried again" in output
    assert "files: 0 are tried again" in output  # its file is gone
    assert set(Run.objects.values_list("state", flat=True)) == {"queued"}
    for model in (OutgoingMessage, StepFailure, SceneDownload):
        assert model.objects.get().state in ("queued", "wanted")
    call_command("retry", "runs", id=waiting.pk)
    assert reread(waiting).next_try_at is None
    with pytest.raises(CommandError, match="has not failed"):
        call_command("retry", "runs", id=run.pk)
    with pytest.raises(CommandError, match="name the kind"):
        call_command("retry", id=1)


def test_every_state_every_cause_and_every_message_has_words():
    for kind in KINDS.values():
        assert set(kind.states) == set(kind.model.State.values)
        assert set(kind.states.values()) <= set(GROUPS)
    assert set(ADVICE) == set(Cause)
    assert all(isinstance(kind.label, Promise) for kind in OutgoingMessage.Kind)
