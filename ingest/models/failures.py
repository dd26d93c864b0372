"""Steps that follow a load or a run, and failed: when they are tried again. What succeeds leaves no row here."""

from django.contrib.gis.db import models

from ingest.failures import LABELS

CAUSES = [(cause.value, label) for cause, label in LABELS.items()]


class StepFailure(models.Model):
    """One step that failed on one row of a table. The row goes when the step has succeeded, or is not due any more."""

    class Step(models.TextChoices):
        SEARCH = "search", "search for moving areas"
        MEASURE = "measure", "measurement of glaciers"
        FOLLOW = "follow", "series of a glacier"
        COMPARE = "compare", "comparison of methods"
        ANNOUNCE = "announce", "messages about an alert"
        CAP = "cap", "CAP message about an alert"

    class State(models.TextChoices):
        QUEUED = "queued", "waiting"
        FAILED = "failed", "failed"

    step = models.CharField(max_length=10, choices=Step.choices)
    subject_id = models.BigIntegerField(help_text="the row that the step works on")
    subject = models.CharField(max_length=200, help_text="the row in words")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED, db_index=True)
    faults = models.PositiveIntegerField(default=0, help_text="failures in a row")
    cause = models.CharField(max_length=10, choices=CAUSES, help_text="of the last failure")
    next_try_at = models.DateTimeField(null=True, help_text="not before; empty: at once, or never where it has failed")
    error = models.TextField(blank=True, help_text="one line")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["step", "subject_id"], name="one_failure_per_step_and_row")]

    def __str__(self) -> str:
        return f"{self.get_step_display()}: {self.subject}"
