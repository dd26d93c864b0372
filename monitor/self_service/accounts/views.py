"""Pages of accounts: the list for administrators, joining by an invitation, a new password by mail; and their forms."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth.forms import BaseUserCreationForm, PasswordChangeForm, SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView, PasswordResetConfirmView
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ground_motion.core.errors import promised
from monitor.models.messages import Invitation
from monitor.self_service.subscriptions.forms import EmailForm
from monitor.subscribers.accounts import selectors, services
from monitor.subscribers.accounts.sessions import sessions_end
from monitor.subscribers.quotas.known import is_known
from monitor.subscribers.subscriptions import limits
from monitor.web.accounts import browser_remember, failure_count, refuse_while_paused, sign_in
from monitor.web.guards import account_in, inviters_only, superusers_only
from monitor.web.request_limits import SIGN_IN, costly, network_of
from monitor.web.secret_links import Wrong
from monitor.wording.refusals import Refusal

PAGE_OR_DEED = ["GET", "HEAD", "POST"]
OPENED = "invitation"  # The session keeps the invitation, so that no address that is passed on contains the link.


class InvitationForm(EmailForm):
    """Form of an invitation: the address and the role."""

    role = forms.ChoiceField(choices=Invitation.Role.choices)


class AcceptForm(BaseUserCreationForm):  # type: ignore[type-arg]  # generic for mypy only
    """Form of the name and the password that an invited person chooses."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.help_text = ""  # The page explains all fields; a field would refer to a hint that is not shown.

    def clean_username(self) -> str:
        """Refuse a name that differs from a known one in capitals only."""
        username: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exists():
            raise ValidationError(_("This name is taken. Choose another one."))
        return username


class OwnPasswordForm(PasswordChangeForm):
    """Form to change one's password. Wrong old passwords count as at the sign-in: a stolen session cannot guess it."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)

    def clean_old_password(self) -> str:
        """Return the old password; count a wrong one, and refuse any while the account is paused."""
        username = self.user.get_username()
        refuse_while_paused(self.request, username)
        try:
            return super().clean_old_password()
        except ValidationError:
            failure_count(self.request, username)
            raise


@require_http_methods(PAGE_OR_DEED)
@inviters_only
@reauthentication_required
def account_list(request: HttpRequest) -> HttpResponse:
    """List accounts and open invitations; a POST invites."""
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.invitation_send(**form.cleaned_data, invited_by=account_in(request))
        except Refusal as refusal:
            form.add_error("email", refusal.error)
        else:
            sent = _("The invitation is on its way to %(address)s.")
            messages.success(request, sent % {"address": form.cleaned_data["email"]})
            return redirect("accounts")
    has_factor = Exists(Authenticator.objects.filter(user=OuterRef("pk")))
    rows = User.objects.prefetch_related("groups").annotate(has_factor=has_factor).order_by("-is_active", "username")
    context = {
        "form": form,
        "accounts": [{"row": row, "role": selectors.role_in_words(row), "own": row == request.user} for row in rows],
        "invitations": selectors.invitations_open(),
        "roles": Invitation.Role.choices,
    }
    return render(request, "self_service/accounts/accounts.html", context, status=422 if form.errors else 200)


@require_POST
@superusers_only
@reauthentication_required
def account_change(request: HttpRequest, account: int) -> HttpResponse:
    """Deactivate an account, or let it in again."""
    chosen = get_object_or_404(User, pk=account)
    action = request.POST.get("deed", "")
    active = action == "activate"
    try:
        if action not in ("activate", "deactivate"):
            raise Refusal(_("Nothing was changed, because no button was used."), _("Use a button on this page."))
        services.account_set_active(account=chosen, active=active, actor=account_in(request))
    except Refusal as refusal:
        messages.error(request, f"{refusal.error} {refusal.remedy}")
    else:
        done = _("%(name)s may sign in again.") if active else _("%(name)s may not sign in any more.")
        messages.success(request, done % {"name": chosen})
    return redirect("accounts")


@require_POST
@inviters_only
@reauthentication_required
def invitation_withdraw(request: HttpRequest, invitation: int) -> HttpResponse:
    """Withdraw an invitation."""
    chosen = get_object_or_404(Invitation, pk=invitation)
    services.invitation_withdraw(invitation=chosen, actor=account_in(request))
    messages.success(request, _("The invitation of %(address)s was withdrawn.") % {"address": chosen.email})
    return redirect("accounts")


@require_GET
@never_cache
def invitation_open(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the invitation of a mailed link in the session, so that no page passes the link on."""
    try:
        invitation = selectors.invitations_open().get(pk=selectors.read_invitation(token))
    except (Wrong, Invitation.DoesNotExist):
        return _no_invitation(request)
    request.session[OPENED] = invitation.pk
    return redirect("invitation-accept")


@costly(posted=SIGN_IN)
@sensitive_post_parameters()
@require_http_methods(PAGE_OR_DEED)
@never_cache
def invitation_accept(request: HttpRequest) -> HttpResponse:
    """Make an account with a chosen name and password; then lead to the second factor if the role needs one."""
    invitation = selectors.invitations_open().filter(pk=request.session.get(OPENED, 0)).first()
    if invitation is None or request.user.is_authenticated:
        return _no_invitation(request)
    form = AcceptForm(request.POST or None, instance=User(email=invitation.email))
    if request.method == "POST" and form.is_valid():
        name, password = form.cleaned_data["username"], form.cleaned_data["password1"]
        try:
            services.invitation_accept(invitation=invitation, username=name, password=password)
        except Refusal:
            return _no_invitation(request)
        del request.session[OPENED]
        return sign_in(request, promised(authenticate(request, username=name, password=password)))
    context = {"form": form, "invitation": invitation}
    return render(request, "self_service/accounts/join.html", context, status=422 if form.errors else 200)


@costly(posted=SIGN_IN)
@require_http_methods(PAGE_OR_DEED)
def password_forgotten(request: HttpRequest) -> HttpResponse:
    """Send a link to a new password. The answer is the same whether there is such an account or not."""
    form = EmailForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        if limits.allowed_for_connection(ip=network_of(request)) or is_known(email=email):
            services.password_link_request(email=email)
        return HttpResponseRedirect(f"{request.path}?sent=yes")
    return render(request, "self_service/accounts/forgotten.html", {"form": form}, status=422 if form.errors else 200)


class OwnPassword(PasswordChangeView):
    """Page to change one's password, which ends all other sessions."""

    template_name = "web/site/password.html"
    form_class = OwnPasswordForm

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass the request to the form."""
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """End all other sessions."""
        response = super().form_valid(form)
        sessions_end(user=account_in(self.request), but=self.request.session.session_key)
        UserSession.objects.create_from_request(self.request)
        return response

    def get_success_url(self) -> str:
        """Return the address of the page itself, which then states that the password was changed."""
        return f"{self.request.path}?done=yes"


class NewPassword(PasswordResetConfirmView):
    """Page of a mailed link to choose a new password, which ends all sessions and keeps the second factor."""

    template_name = "self_service/accounts/new_password.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: "SetPasswordForm[User]") -> HttpResponse:
        """Remember the browser, because a reader of the owner's mail counts as the owner."""
        response = super().form_valid(form)
        browser_remember(response, promised(self.user).get_username())
        return response


def _no_invitation(request: HttpRequest) -> HttpResponse:
    return render(request, "self_service/accounts/no_invitation.html", status=404)
