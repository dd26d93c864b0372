"""Signing in and out. Django's admin uses the same door, so that one throttle guards both."""

from collections.abc import Mapping
from urllib.parse import urlencode

from allauth.account.internal.flows.login import record_authentication
from allauth.account.utils import perform_login
from django.contrib import admin
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from monitor.web.guards import User, may_administrate, may_look, second_factor_missing
from monitor.web.request_limits import visitor_network


class SignIn(LoginView):
    """The password; where the account has a second factor, allauth asks for it next."""

    template_name = "web/site/login.html"
    redirect_authenticated_user = True

    def get_default_redirect_url(self) -> str:
        return home_of(self.request.user)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        return sign_in(self.request, form.get_user(), self.get_redirect_url())


def sign_in(request: HttpRequest, user: User, then: str = "") -> HttpResponse:
    """Somebody has just proved to know the password of an account: go on to its second factor, or in."""
    record_authentication(request, user, "password", reauthenticated=True)
    return perform_login(request, user, redirect_url=then or home_of(user))


def home_of(user: User) -> str:
    """The first page of an account."""
    if second_factor_missing(user):
        return reverse("mfa_activate_totp")
    return reverse("review-queue" if may_look(user) else "map")


def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Django's admin sends everybody here whom it does not know, or does not let in."""
    if second_factor_missing(request.user):
        return redirect("mfa_activate_totp")
    if request.user.is_authenticated and not may_administrate(request.user):
        raise PermissionDenied(_("This page is for administrators."))
    wanted = request.GET.get("next") or reverse("admin:index")
    return HttpResponseRedirect(f"{reverse('login')}?{urlencode({'next': wanted}, safe='/')}")


def locked_out(request: HttpRequest, response: object, credentials: Mapping[str, str] | None) -> HttpResponse:
    """The answer to too many failed attempts."""
    return render(request, "web/site/locked.html", status=429)


def client_address(request: HttpRequest) -> str | None:
    """Whose attempts are counted; of an IPv6 address the network."""
    remote, forwarded = request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", "")
    return visitor_network(remote_address=remote, forwarded_for=forwarded).partition("/")[0] or None


class AdminSite(admin.AdminSite):
    def has_permission(self, request: HttpRequest) -> bool:
        return may_administrate(request.user)
