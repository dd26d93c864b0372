"""Tables of the work of people on alerts: edits, notes, proposals, texts and visits."""

from django.conf import settings
from django.contrib.gis.db import models


class SetByHand(models.Model):
    """Columns of an alert that people have set, with the computed values. Empty: as computed."""

    alert = models.OneToOneField("detection.Alert", models.CASCADE, related_name="by_hand")
    kind = models.CharField(max_length=30, blank=True, help_text="of detection.kinds.Kind")
    severity = models.CharField(max_length=10, blank=True)
    area = models.MultiPolygonField(srid=4326, null=True)
    texts = models.JSONField(default=dict, help_text="language: what everybody reads beside the computed sentence")
    computed = models.JSONField(default=dict, help_text="kind, severity and area (GeoJSON) of the last look")


class AlertEdit(models.Model):
    """A person's change of an alert, with values before and after; null: as computed. Rows are only added."""

    alert = models.ForeignKey("detection.Alert", models.CASCADE, related_name="edits")
    transition = models.OneToOneField(
        "detection.AlertTransition", models.CASCADE, null=True, related_name="edit", help_text="none: not announced"
    )
    before = models.JSONField()
    after = models.JSONField()
    editor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    takes_back = models.OneToOneField("self", models.CASCADE, null=True, related_name="taken_back_by")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]


class CaseNote(models.Model):
    """A note of an operator on an alert, for reviewers only. Rows are only added."""

    alert = models.ForeignKey("detection.Alert", models.CASCADE, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    text = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]


class CaseFile(models.Model):
    """A photo or document of a note, as stored: photos without position and other metadata."""

    note = models.ForeignKey(CaseNote, models.CASCADE, related_name="files")
    name = models.CharField(max_length=160)
    media_type = models.CharField(max_length=40)
    size_bytes = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        ordering = ["id"]


class Proposed(models.Model):
    """What one person proposed and a second one has to agree to. It is not public before."""

    class Outcome(models.TextChoices):
        WAITING = "waiting"
        PUBLISHED = "published"
        DECLINED = "declined"
        WITHDRAWN = "withdrawn"
        OVERTAKEN = "overtaken"  # Something else has changed meanwhile and made the proposal pointless.

    proposer = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.WAITING)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True, help_text="why it was declined; for reviewers only")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


class Proposal(Proposed):
    """Proposal to confirm an alert or to change it; for an alert that a person drew with a text, to do both.

    When published, it becomes a review or an edit of the person who proposed it.
    """

    alert = models.ForeignKey("detection.Alert", models.CASCADE, related_name="proposals")
    reason_code = models.CharField(max_length=20, blank=True, help_text="of a confirmation; empty: an edit")
    public_note = models.TextField(blank=True)
    internal_note = models.TextField(blank=True)
    change = models.JSONField(null=True, help_text="what it would set, as AlertEdit.after")
    takes_back = models.ForeignKey(AlertEdit, models.CASCADE, null=True, related_name="+", help_text="the edit to undo")
    announce = models.BooleanField(default=True, help_text="whether a change of the text alone is told")
    review = models.OneToOneField("detection.Review", models.CASCADE, null=True, related_name="proposal")
    edit = models.OneToOneField("detection.AlertEdit", models.CASCADE, null=True, related_name="proposal")
    shown = models.JSONField(null=True, help_text="all fields as AlertEdit.after, when it was published")

    class Meta(Proposed.Meta):
        ordering = ["created_at", "id"]
        default_permissions = ("view",)
        permissions = [("publish_proposal", "Can publish what another person proposed")]
        constraints = [
            models.UniqueConstraint(fields=["alert"], condition=models.Q(outcome="waiting"), name="one_proposal_waits")
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {'confirmed' if self.confirms else 'a change'}, {self.outcome}"

    @property
    def subject(self) -> str:
        """Return what it is about."""
        return self.alert.code

    @property
    def confirms(self) -> bool:
        """Return whether it confirms its alert, rather than edits it."""
        return bool(self.reason_code)


class PublicText(Proposed):
    """Text by one person that appears with alerts but is not part of one: the office of a region, a bulletin."""

    subject = models.CharField(max_length=140, help_text="kind and name of what it is about: 'region westshore'")
    change = models.JSONField(help_text="column: the value to publish")

    class Meta(Proposed.Meta):
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["subject"], condition=models.Q(outcome="waiting"), name="one_text_waits")
        ]

    def __str__(self) -> str:
        return f"{self.subject}, {self.outcome}"

    @property
    def kind(self) -> str:
        """Return the kind of thing that the text is about: a region or a bulletin."""
        return self.subject.partition(" ")[0]

    @property
    def name(self) -> str:
        """Return the name of what the text is about among its kind."""
        return self.subject.partition(" ")[2]


class FieldVisit(models.Model):
    """A visit on site: its day, visitor and result. Planning another visit adds a row."""

    class Result(models.TextChoices):
        SEEN = "seen", "traces of motion were seen"
        NOTHING = "nothing", "nothing was seen"
        UNREACHED = "unreached", "the place could not be reached"
        MOVED = "moved", "it was planned anew"

    review = models.OneToOneField("detection.Review", models.CASCADE, related_name="visit")
    day = models.DateField()
    visitor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    remind = models.BooleanField(default=True, help_text="the visitor by mail, on the day before")
    reminded_at = models.DateTimeField(null=True)
    result = models.CharField(max_length=10, choices=Result.choices, blank=True)
    note = models.OneToOneField("detection.CaseNote", models.SET_NULL, null=True, related_name="visit")
    reported_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    reported_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["day", "id"]

    def __str__(self) -> str:
        return f"visit of {self.review.alert.code} on {self.day}"
