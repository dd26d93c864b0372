"""Who has it: an alert in the region of an organisation is taken up by one press, and the public reads since when."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Prefetch, Q, QuerySet, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from detection.models import Alert, AuditEntry
from detection.rules.lifecycle import LIVING
from detection.rules.severity import Severity
from monitor.models.escalations import Contact, Escalation, EscalationStep
from monitor.models.subscriptions import Organisation
from monitor.subscribers.organisations.services import alone
from monitor.subscribers.quotas.known import by_trusted
from monitor.subscribers.subscriptions import limits
from monitor.subscribers.subscriptions.selectors import SEVERITIES, living_at
from monitor.web.secret_links import signed_link
from monitor.wording.refusals import Refusal
from monitor.wording.states import taken_sentence

MAX_PRESSES = 500  # Most answers and changes of contacts of one organisation per day.
MAX_SHOWN = 10  # The operators' page shows this many organisations of an alert.
TAKE_FOR = timedelta(days=90)
take_token, read_take = signed_link("monitor.take", TAKE_FOR)  # Its key is the step that asked; it can do nothing else.


def take_path(step: EscalationStep) -> str:
    """Return the address of the page on which the contact who was asked takes up the alert."""
    return reverse("alert-take", args=[take_token(step.pk)])


class Taken(NamedTuple):
    """Public statement that somebody takes care of an alert. by: empty for an organisation that gives no name."""

    by: str
    on: date
    sentence: str


def alerts_followed(*, organisation: Organisation) -> QuerySet[Alert]:
    """Return the living alerts that an organisation wants at its places, by the filters of each place."""
    wanted = Q(pk__in=[])
    for place in organisation.subscriptions.filter(ended_at=None):
        here = living_at(place) & Q(severity__in=SEVERITIES[SEVERITIES.index(place.lowest_severity) :])
        if least := place.least_exposure:  # Exposure that no layer covers counts as wanted, as in rules.wants.
            unknown = Q(exposure__people=None, exposure__buildings=None)
            here &= unknown | Q(exposure__people__gte=least) | Q(exposure__buildings__gte=least)
        wanted |= here
    return Alert.objects.filter(wanted).defer("area").order_by("-importance", "id")


def escalations_open() -> QuerySet[Escalation]:
    """Return the escalations of living alerts, whether or not somebody has taken them up."""
    return Escalation.objects.filter(closed_at=None, alert__state__in=LIVING)


def escalations_waiting() -> QuerySet[Escalation]:
    """Return the open escalations that neither the organisation asked nor the operators have taken up."""
    theirs = Escalation.objects.filter(alert=OuterRef("alert"), organisation=None, closed_at=None)
    return escalations_open().filter(~Exists(theirs), taken_at=None)


def escalations_of_operators() -> QuerySet[Escalation]:
    """Return the escalations of trusted organisations that have come to the operators and that nobody has taken up."""
    return escalations_waiting().filter(by_trusted(), steps__to_operators=True)


def alerts_unclaimed() -> QuerySet[Alert]:
    """Return the living alerts of high severity that nobody trusted has taken up, the most important first."""
    strong = Alert.objects.filter(state__in=LIVING, severity=Severity.STRONG)
    return strong.exclude(_taken_by_trusted()).order_by("-importance", "id")


def alerts_of_operators() -> QuerySet[Alert]:
    """Return alerts for the operators' page: those that they are asked about or nobody has, then what strangers ask.

    Each has, as `asked`, its first open escalations that wait or are of organisations that operators do not trust.
    """
    theirs = Q(pk__in=escalations_of_operators().values("alert")) | Q(pk__in=alerts_unclaimed().values("pk"))
    strange = Q(pk__in=escalations_open().exclude(by_trusted()).values("alert")) & ~_taken_by_trusted()
    open_rows = escalations_open().filter(Q(taken_at=None) | ~by_trusted()).select_related("organisation")
    first = F("organisation__trusted_at").asc(nulls_last=True)
    shown = Prefetch("escalations", open_rows.prefetch_related("steps").order_by(first, "id")[:MAX_SHOWN], "asked")
    listed = Alert.objects.filter(theirs | strange).annotate(is_theirs=Case(When(theirs, then=1), default=0))
    return listed.order_by("-is_theirs", "-importance", "id").prefetch_related(shown)


def alerts_asked_about() -> QuerySet[Alert]:
    """Return the alerts whose questions have come to the operators, the most important first."""
    return Alert.objects.filter(pk__in=escalations_of_operators().values("alert")).order_by("-importance", "id")


def _taken_by_trusted() -> Exists:
    """Return the condition that operators, or an organisation that they trust, have taken up an alert."""
    return Exists(escalations_open().filter(by_trusted(), alert=OuterRef("pk")).exclude(taken_at=None))


def organisations_asking() -> QuerySet[Organisation]:
    """Return the organisations that ask who takes up alerts or have a name in public, the trusted ones first."""
    asking = Organisation.objects.exclude(asks_from="", public_name="")
    return asking.order_by(F("trusted_at").asc(nulls_last=True), "name", "id")


def escalations_seen(*, organisation: Organisation) -> QuerySet[Escalation]:
    """Return the open escalations that members of an organisation see: its own, then those of the operators."""
    seen = Escalation.objects.filter(Q(organisation=organisation) | Q(organisation=None), closed_at=None)
    return seen.order_by(F("organisation").asc(nulls_last=True))


def alert_take(*, alert: Alert, organisation: Organisation, contact: Contact | None = None) -> None:
    """Record that somebody of an organisation takes care of an alert. Raises Refusal if it is over."""
    with alone(organisation) as mine:
        _check_living(alert)
        asked = {"severity": alert.severity}
        row, _new = Escalation.objects.get_or_create(alert=alert, organisation=mine, closed_at=None, defaults=asked)
        press = {"taken_at": timezone.now(), "taken_by": contact}
        if Escalation.objects.filter(pk=row.pk, taken_at=None).update(**press):
            organisation_audit(organisation=mine, action="alert taken up", subject=alert.code)


def alert_return(*, alert: Alert, organisation: Organisation) -> None:
    """Undo that an organisation took up an alert: ask the next contact at once, unless the operators were asked."""
    back = {"taken_at": None, "taken_by": None, "returned_at": timezone.now()}
    with alone(organisation) as mine:
        if mine.escalations.filter(alert=alert, closed_at=None).exclude(taken_at=None).update(**back):
            organisation_audit(organisation=mine, action="alert given back", subject=alert.code)


def alert_take_over(*, alert: Alert, actor: str) -> None:
    """Record that the operators take care of an alert; no contact is asked any more. Raises Refusal if it is over."""
    _check_living(alert)
    press = {"severity": alert.severity, "taken_at": timezone.now()}
    with transaction.atomic():
        _row, new = Escalation.objects.get_or_create(alert=alert, organisation=None, closed_at=None, defaults=press)
        if new:
            AuditEntry.objects.create(actor=actor, action="alert taken up", subject=alert.code)


def alert_hand_back(*, alert: Alert, actor: str) -> None:
    """Take back that the operators have an alert: questions to contacts go on where they had stopped."""
    now = timezone.now()
    with transaction.atomic():
        theirs = Escalation.objects.filter(alert=alert, organisation=None, closed_at=None)
        if theirs.update(taken_at=None, returned_at=now, closed_at=now):
            EscalationStep.objects.filter(escalation__alert=alert).update(reported_at=None)  # The next mail names them.
            AuditEntry.objects.create(actor=actor, action="alert given back", subject=alert.code)


def _check_living(alert: Alert) -> None:
    if alert.state not in LIVING:
        raise Refusal(_("This alert is over."))


def alerts_taken(*, alerts: Iterable[Alert]) -> dict[int, list[Taken]]:
    """Return, by alert, what the public reads about who takes care of it; nothing of organisations not trusted yet."""
    newest = Escalation.objects.filter(by_trusted(), alert__in=[alert.pk for alert in alerts])
    newest = newest.select_related("organisation")
    found: dict[int, list[Taken]] = {}
    for row in newest.order_by("alert_id", "organisation_id", "-id").distinct("alert_id", "organisation_id"):
        if row.taken_at:
            by = row.organisation.public_name if row.organisation else settings.SITE.name
            day = timezone.localdate(row.taken_at)
            found.setdefault(row.alert_id, []).append(Taken(by, day, taken_sentence(by, day)))
    return found


def organisation_audit(
    *, organisation: Organisation, action: str, subject: str = "", after: str = "", actor: str = ""
) -> None:
    """Add a row to the audit log, for members without a person. Raises Refusal if they have done too much today."""
    of = f"organisation {organisation.pk}"
    if not actor and not limits.allowed_for_organisation(organisation=organisation, most=MAX_PRESSES, what="presses"):
        raise Refusal(_("Daily limit reached. Try again tomorrow."))
    AuditEntry.objects.create(actor=actor or of, action=action, subject=subject or of, after=after)
