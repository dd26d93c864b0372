"""Pages to sign in and out. Django's admin uses the same page, so that one throttle guards both."""

from collections.abc import Mapping
from urllib.parse import urlencode

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from django.contrib import admin
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from monitor.web.guards import Reader, may_administrate, may_view_work, second_factor_missing
from monitor.web.request_limits import network_of


class SignIn(LoginView):
    """Page that asks for the password; if the account has a second factor, allauth asks for it next."""

    template_name = "web/site/login.html"
    redirect_authenticated_user = True

    def get_default_redirect_url(self) -> str:
        """Return the first page of the account."""
        return home_of(self.request.user)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Sign in the account whose password was right."""
        return sign_in(self.request, form.get_user(), self.get_redirect_url())


def sign_in(request: HttpRequest, user: User, then: str = "") -> HttpResponse:
    """Sign in an account whose password was just checked, or lead to its second factor first."""
    record_authentication(request, user, "password", reauthenticated=True)
    answer: HttpResponse = perform_login(request, user, redirect_url=then or home_of(user))
    return answer


def home_of(user: Reader) -> str:
    """Return the address of an account's first page."""
    if second_factor_missing(user):
        return reverse("mfa_activate_totp")
    return reverse("review-queue" if may_view_work(user) else "map")


def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Redirect visitors without access to Django's admin to the site's page to sign in."""
    if second_factor_missing(request.user):
        return redirect("mfa_activate_totp")
    if request.user.is_authenticated and not may_administrate(request.user):
        raise PermissionDenied(_("This page is for administrators."))
    wanted = request.GET.get("next") or reverse("admin:index")
    return HttpResponseRedirect(f"{reverse('login')}?{urlencode({'next': wanted}, safe='/')}")


def locked_out(request: HttpRequest, response: object, credentials: Mapping[str, str] | None) -> HttpResponse:
    """Answer after too many failed attempts."""
    return render(request, "web/site/locked.html", status=429)


def client_address(request: HttpRequest) -> str | None:
    """Return the address whose attempts are counted; for IPv6 the network."""
    return network_of(request).partition("/")[0] or None


class AdminSite(admin.AdminSite):
    """Django's admin for administrators with a second factor."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether the account may administrate."""
        return may_administrate(request.user)
