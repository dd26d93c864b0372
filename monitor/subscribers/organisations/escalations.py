"""Who has it: an alert in the region of an organisation is taken up by one press, and the public reads since when."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from detection.models import Alert, AuditEntry
from detection.rules.lifecycle import LIVING
from detection.rules.severity import Severity
from monitor.models.escalations import Contact, Escalation, EscalationStep
from monitor.models.subscriptions import Organisation
from monitor.subscribers.organisations.services import alone
from monitor.subscribers.subscriptions import limits
from monitor.subscribers.subscriptions.selectors import SEVERITIES, living_at
from monitor.web.secret_links import signed_link
from monitor.wording.refusals import Refusal
from monitor.wording.states import taken_sentence

MAX_PRESSES = 500  # and changes of contacts, of one organisation in a day
TAKE_FOR = timedelta(days=90)
take_token, read_take = signed_link("monitor.take", TAKE_FOR)  # key of the step that asked; it can do nothing else


def take_path(step: EscalationStep) -> str:
    """Return the address of the page on which whoever was asked takes up the alert; for operators their own page."""
    return reverse("review-taken") if step.to_operators else reverse("alert-take", args=[take_token(step.pk)])


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
        if least := place.least_exposure:  # as rules.wants has it: what no layer covers is wanted
            unknown = Q(exposure__people=None, exposure__buildings=None)
            here &= unknown | Q(exposure__people__gte=least) | Q(exposure__buildings__gte=least)
        wanted |= here
    return Alert.objects.filter(wanted).defer("area").order_by("-importance", "id")


def escalations_open() -> QuerySet[Escalation]:
    """Return the escalations of living alerts, whether or not somebody has taken them up."""
    return Escalation.objects.filter(closed_at=None, alert__state__in=LIVING)


def escalations_of_operators() -> QuerySet[Escalation]:
    """Return the escalations that have come to the operators of the service and that nobody has taken up."""
    return escalations_open().filter(taken_at=None, steps__to_operators=True)


def escalations_shown() -> QuerySet[Escalation]:
    """Return the open escalations with all that a page shows of them."""
    return escalations_open().select_related("organisation", "alert").prefetch_related("steps")


def alerts_of_operators() -> QuerySet[Alert]:
    """Return the alerts that operators are asked about or nobody has, each with its open escalations as `asked`."""
    theirs = Q(pk__in=escalations_of_operators().values("alert")) | Q(pk__in=alerts_unclaimed().values("pk"))
    waiting = Prefetch("escalations", escalations_shown().filter(taken_at=None), to_attr="asked")
    return Alert.objects.filter(theirs).order_by("-importance", "id").prefetch_related(waiting)


def organisations_asking() -> QuerySet[Organisation]:
    """Return the organisations that ask who takes up an alert, or that have a name in public."""
    return Organisation.objects.exclude(asks_from="", public_name="")


def alerts_unclaimed() -> QuerySet[Alert]:
    """Return the living alerts of high severity that nobody has taken up, the most important first."""
    taken = escalations_open().filter(alert=OuterRef("pk")).exclude(taken_at=None)
    strong = Alert.objects.filter(state__in=LIVING, severity=Severity.STRONG)
    return strong.exclude(Exists(taken)).order_by("-importance", "id")


def alert_take(*, alert: Alert, organisation: Organisation, contact: Contact | None = None, operator: str = "") -> None:
    """Record that somebody, a contact or an operator, takes care of an alert. Raises Refusal if it is over."""
    with alone(organisation) as mine:
        if alert.state not in LIVING:
            raise Refusal(_("This alert is over."))
        asked = {"severity": alert.severity}
        row, _new = Escalation.objects.get_or_create(alert=alert, organisation=mine, closed_at=None, defaults=asked)
        press = {"taken_at": timezone.now(), "taken_by": contact, "by_operators": bool(operator)}
        if Escalation.objects.filter(pk=row.pk, taken_at=None).update(**press):
            organisation_audit(organisation=mine, action="alert taken up", subject=alert.code, actor=operator)


def alert_return(*, alert: Alert, organisation: Organisation, operator: str = "") -> None:
    """Take back that somebody has an alert: the next contact is asked at once, unless the operators were already.

    Raises Refusal if the operators have taken it up, unless one of them gives it back.
    """
    back = {"taken_at": None, "taken_by": None, "by_operators": False, "returned_at": timezone.now()}
    with alone(organisation) as mine:
        mine_open = mine.escalations.filter(alert=alert, closed_at=None).exclude(taken_at=None)
        if not operator and mine_open.filter(by_operators=True).exists():
            raise Refusal(_("The operators have taken this up. Only they can give it back."))
        if mine_open.update(**back):
            organisation_audit(organisation=mine, action="alert given back", subject=alert.code, actor=operator)


def alerts_taken(*, alerts: Iterable[Alert]) -> dict[int, list[Taken]]:
    """Return, by alert, what the public reads about who takes care of it; nothing of organisations not trusted yet."""
    newest = Escalation.objects.filter(alert__in=[alert.pk for alert in alerts]).select_related("organisation")
    found: dict[int, list[Taken]] = {}
    for row in newest.order_by("alert_id", "organisation_id", "-id").distinct("alert_id", "organisation_id"):
        if row.taken_at and (row.by_operators or row.organisation.trusted_at):
            by = settings.SITE.name if row.by_operators else row.organisation.public_name
            day = timezone.localdate(row.taken_at)
            found.setdefault(row.alert_id, []).append(Taken(by, day, taken_sentence(by, day)))
    return found


def organisation_audit(
    *, organisation: Organisation, action: str, subject: str = "", after: str = "", actor: str = ""
) -> None:
    """Add a row to the audit log, for members without a person. Raises Refusal if they have done too much today."""
    of = f"organisation {organisation.pk}"
    if not actor and not limits.allowed_for_organisation(
        organisation=organisation.pk, most=MAX_PRESSES, what="presses"
    ):
        raise Refusal(_("Daily limit reached. Try again tomorrow."))
    AuditEntry.objects.create(actor=actor or of, action=action, subject=subject or of, after=after)
