"""Pages of organisations, opened by each member's signed link; the page to join one, opened by a mailed link."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from detection.models import Alert
from detection.rules.lifecycle import LIVING
from monitor.models.escalations import Contact, EscalationStep
from monitor.models.subscriptions import Membership, Organisation, Subscription
from monitor.self_service.channels import ways_page
from monitor.self_service.subscriptions.forms import ChoiceForm, EmailForm
from monitor.self_service.subscriptions.links import download, owner_of, private_page
from monitor.self_service.subscriptions.views import DEFAULTS, where_config
from monitor.subscribers.organisations import contacts, escalations, services
from monitor.subscribers.organisations.names import MAX_TITLE_LENGTH
from monitor.subscribers.subscriptions import members, places, tokens
from monitor.subscribers.subscriptions import services as subscriptions
from monitor.subscribers.subscriptions.selectors import WISH
from monitor.web.request_limits import ACTS, GIVEN_FILES, PREVIEWS, costly, network_of
from monitor.web.secret_links import Expired
from monitor.wording.cards.cards import alert_card, alert_cards
from monitor.wording.refusals import Refusal, number_or_none

MAX_ALERTS = 100  # A page lists no more.
ABOUT_ONE = {"remove": services.member_remove, "share": services.ownership_share, "end": services.shared_end}
OWNERS_MAY = {*ABOUT_ONE, "invite", "rename", "dissolve"}


class ChangeForm(places.MoveForm, ChoiceForm):
    """Form of an existing place: where, what and how often."""


@costly(posted=ACTS)
@private_page
def organisation_list(request: HttpRequest, token: str) -> HttpResponse:
    """List the organisations of a person, with a form to found another one."""
    email = owner_of(token)
    context: dict[str, Any] = {"token": token}
    if request.method == "POST":
        try:
            name = request.POST.get("name", "")
            founded = services.organisation_found(email=email, name=name, ip=network_of(request))
            return redirect("organisation", token=token, organisation=founded.organisation_id)
        except Refusal as refusal:
            context |= {"refusal": refusal.error, "typed": request.POST.get("name", "")}
    context |= {
        "memberships": members.memberships_of(email=email),
        "may_found": services.may_found(email=email),
        "longest": MAX_TITLE_LENGTH,
    }
    return render(request, "self_service/organisations/list.html", context, status=422 if "refusal" in context else 200)


@costly(posted=ACTS)
@private_page
def organisation_page(request: HttpRequest, token: str, organisation: int) -> HttpResponse:
    """Show an organisation's places and members, with the actions that its reader may take."""
    mine = member_of(token, organisation)
    if request.method != "POST":
        return _page(request, token, mine)
    deed = request.POST.get("deed", "")
    if deed in OWNERS_MAY and not mine.is_owner:
        raise PermissionDenied
    try:
        _act(deed, request, mine)
    except Refusal as refusal:
        return _page(request, token, mine, status=422, refusal=refusal.error, deed=deed)
    if deed == "dissolve":
        return redirect("organisation-list", token=token)
    if deed == "leave":
        return redirect("subscription-manage", token=token)
    page = reverse("organisation", args=[token, organisation])
    return redirect(f"{page}?answer=invited" if deed == "invite" else page)


@costly(posted=PREVIEWS, files=GIVEN_FILES)
@private_page
def place_add(request: HttpRequest, token: str, organisation: int) -> HttpResponse:
    """Add a place for all members, with the form of subscribing but without an address."""
    mine = member_of(token, organisation, as_owner=True)
    return _place(request, token, mine.organisation, None)


@costly(posted=PREVIEWS, files=GIVEN_FILES)
@private_page
def place_change(request: HttpRequest, token: str, organisation: int, subscription: int) -> HttpResponse:
    """Change an existing place, its filters and its frequency, for all members."""
    mine = member_of(token, organisation, as_owner=True)
    shared = mine.organisation.subscriptions.filter(pk=subscription, ended_at=None).first()
    if shared is None:
        raise Expired("it was ended in the meantime")
    return _place(request, token, mine.organisation, shared)


@costly(posted=PREVIEWS)
@private_page
def organisation_ways(request: HttpRequest, token: str, organisation: int) -> HttpResponse:
    """Show and change the webhooks of an organisation, which go on when members pause or leave."""
    mine = member_of(token, organisation, as_owner=True)
    page = "self_service/organisations/ways.html"
    return ways_page(request, page, {"token": token}, organisation=mine.organisation)


@private_page
@require_GET
def organisation_export(request: HttpRequest, token: str, organisation: int) -> JsonResponse:
    """Export all data held of an organisation."""
    mine = member_of(token, organisation, as_owner=True)
    return download(services.organisation_exported(organisation=mine.organisation), "ground-motion-organisation.json")


@costly(posted=ACTS)
@private_page
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Ask a person to confirm joining. Mail scanners open links, so a GET accepts nothing."""
    asked = Membership.objects.filter(pk=tokens.read_join(token), left_at=None)
    membership = asked.select_related("organisation", "invited_by").first()
    if membership is None:
        raise Expired("it was withdrawn, declined, or left again")
    context: dict[str, Any] = {"membership": membership, "organisation": membership.organisation}
    if request.method == "POST" and request.POST.get("deed") == "decline":
        services.invitation_decline(membership=membership)
        return render(request, "self_service/organisations/declined.html", context)
    if request.method == "POST" and request.POST.get("deed") == "join":
        services.invitation_accept(membership=membership, time_zone=request.POST.get("time_zone", ""))
        membership.refresh_from_db()
    if membership.confirmed_at:
        context["manage_token"] = tokens.member_token(membership.pk)
    return render(request, "self_service/organisations/join.html", context)


@costly(posted=ACTS)
@private_page
def organisation_contacts(request: HttpRequest, token: str, organisation: int) -> HttpResponse:
    """Show and change who is asked who takes up an alert, in which order, from which severity, and for how long."""
    mine = member_of(token, organisation, as_owner=True).organisation
    given = request.POST.dict()
    refusal = ""
    try:
        if given.get("deed") == "add":
            contacts.contact_add(organisation=mine, who=given.get("who", ""), hours=given.get("hours", ""))
        elif given.get("deed") == "asking":
            wish = {name: given.get(name, "") for name in ("severity", "public_name")}
            contacts.asking_set(organisation=mine, **wish)
        elif given:
            pk = number_or_none(given.get("about", "")) or 0
            contacts.contact_change(organisation=mine, pk=pk, deed=given.get("deed", ""))
        if request.method == "POST":
            return redirect(request.path)
    except Refusal as fault:
        refusal = fault.error
    context = {
        "token": token,
        "organisation": mine,
        "contacts": mine.contacts.select_related("member", "endpoint"),
        "members": contacts.members_to_ask(organisation=mine),
        "endpoints": contacts.endpoints_to_ask(organisation=mine),
        "severities": [("", _("Never")), *((one, words) for one, words in subscriptions.LEAST.items())],
        "chosen": given.get("severity", mine.asks_from),
        "public_name": given.get("public_name", mine.public_name),
        "hours": given.get("hours", "24"),
        "max_hours": contacts.MAX_HOURS,
        "longest": MAX_TITLE_LENGTH,
        "refusal": refusal,
    }
    return render(request, "self_service/organisations/contacts.html", context, status=422 if refusal else 200)


@costly(posted=ACTS)
@private_page
def organisation_alerts(request: HttpRequest, token: str, organisation: int) -> HttpResponse:
    """Show the alerts at an organisation's places, and who has them; a member takes one up, or gives it back."""
    mine = member_of(token, organisation)
    listed = list(escalations.alerts_followed(organisation=mine.organisation).defer(None)[:MAX_ALERTS])
    chosen = next((one for one in listed if one.code == request.POST.get("about", "")), None)
    refusal = ""
    if chosen:
        refusal = _take(request, chosen, mine.organisation, Contact.objects.filter(member=mine).first())
    if request.method == "POST" and not refusal:
        return redirect(request.path)
    rows = escalations.escalations_seen(organisation=mine.organisation)
    known = {row.alert_id: row for row in rows.select_related("taken_by__member", "taken_by__endpoint")}
    cards = alert_cards(listed)
    context = {
        "token": token,
        "mine": mine,
        "organisation": mine.organisation,
        "alerts": [(card, known.get(alert.pk)) for alert, card in zip(listed, cards, strict=True)],
        "refusal": refusal,
    }
    return render(request, "self_service/organisations/alerts.html", context, status=422 if refusal else 200)


@costly(posted=ACTS)
@private_page
def take(request: HttpRequest, token: str) -> HttpResponse:
    """Take up the alert that a contact was asked about, or give it back. Mail scanners open links: a GET only shows."""
    asked = EscalationStep.objects.filter(pk=escalations.read_take(token), contact__isnull=False)
    step = asked.select_related("contact", "escalation__alert", "escalation__organisation").first()
    if step is None or step.escalation.organisation is None:
        raise Expired("it is no contact any more")
    alert, organisation = step.escalation.alert, step.escalation.organisation
    refusal = _take(request, alert, organisation, step.contact)
    if request.method == "POST" and not refusal:
        return redirect(request.path)
    context = {
        "organisation": organisation,
        "card": alert_card(alert),
        "row": escalations.escalations_seen(organisation=organisation).filter(alert=alert).last(),
        "is_over": alert.state not in LIVING,
        "refusal": refusal,
    }
    return render(request, "self_service/organisations/take.html", context, status=422 if refusal else 200)


def _take(request: HttpRequest, alert: Alert, organisation: Organisation, contact: Contact | None) -> str:
    """Take up or give back an alert as a form says; return why that was refused, if it was."""
    try:
        if request.POST.get("deed") == "take":
            escalations.alert_take(alert=alert, organisation=organisation, contact=contact)
        elif request.POST.get("deed") == "back":
            escalations.alert_return(alert=alert, organisation=organisation)
    except Refusal as refusal:
        return refusal.error
    return ""


def member_of(token: str, organisation: int, as_owner: bool = False) -> Membership:
    """Return the link owner's membership. Raises Expired without one; PermissionDenied if `as_owner` and no owner."""
    mine = members.memberships_of(email=owner_of(token)).filter(organisation=organisation).first()
    if mine is None:
        raise Expired("it was dissolved, or the person has left")
    if as_owner and not mine.is_owner:
        raise PermissionDenied
    return mine


def _act(deed: str, request: HttpRequest, mine: Membership) -> None:
    """Carry out the action `deed` of a form; ignore unknown ones. Raises Refusal."""
    organisation = mine.organisation
    if deed in ("mails", "no-mails"):
        services.mails_set(membership=mine, wanted=deed == "mails")
    elif deed == "leave":
        services.member_leave(membership=mine)
    elif deed == "give-up":
        services.ownership_give_up(membership=mine)
    elif deed == "invite":
        form = EmailForm(request.POST)
        if not form.is_valid():
            raise Refusal(str(form.errors["email"][0]))
        services.member_invite(owner=mine, email=form.cleaned_data["email"])
    elif deed in ABOUT_ONE:
        pk = number_or_none(request.POST.get("about", "")) or 0
        ABOUT_ONE[deed](organisation=organisation, pk=pk)
    elif deed == "rename":
        services.organisation_rename(organisation=organisation, name=request.POST.get("name", ""))
    elif deed == "dissolve":
        services.organisation_dissolve(organisation=organisation)


def _page(request: HttpRequest, token: str, mine: Membership, status: int = 200, **shown: Any) -> HttpResponse:
    organisation = mine.organisation
    held = Subscription.objects.filter(email=mine.email, shared__organisation=organisation, ended_at=None)
    seats = {one.shared_id: one for one in held.defer("region")}
    followed = list(organisation.subscriptions.filter(ended_at=None))
    joined = list(members.members(organisation=organisation))
    context = {
        "token": token,
        "mine": mine,
        "organisation": organisation,
        "places": [subscriptions.described(one) | {"seat": seats.get(one.pk)} for one in followed],
        "has_all_mails": mine.wants_mails and len(seats) == len(followed),
        "members": joined,
        "owners": [one for one in joined if one.is_owner],
        "invited": members.invitations(organisation=organisation) if mine.is_owner else [],
        "longest": MAX_TITLE_LENGTH,
        "invited_days": tokens.INVITED_FOR.days,
        "answer": request.GET.get("answer", ""),
        "typed": request.POST.get("email", ""),
        **shown,
    }
    return render(request, "self_service/organisations/organisation.html", context, status=status)


def _place(request: HttpRequest, token: str, organisation: Organisation, shared: Subscription | None) -> HttpResponse:
    known = {"where": places.KEEP} | {name: getattr(shared, name) for name in ("name", *WISH)} if shared else {}
    form_class: type[ChoiceForm] = ChangeForm if shared else ChoiceForm
    form, status = places.form_of(form_class, request, DEFAULTS | known)
    if form.is_valid():
        wanted = form.choice() | {"name": form.cleaned_data["name"]}
        try:
            if shared:
                services.shared_change(shared=shared, **wanted)
            else:
                services.shared_add(organisation=organisation, **wanted)
            return redirect("organisation", token=token, organisation=organisation.pk)
        except Refusal as refusal:
            form.add_error(None, refusal.error)
    context = {
        "token": token,
        "organisation": organisation,
        "subscription": shared,
        "form": form,
        "where_config": where_config(form, shared.region if shared else None),
    }
    return render(request, "self_service/organisations/place.html", context, status=status)
