"""Signing in and out. Django's admin uses the same door, so that one throttle guards both."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse

from monitor.site.guards import may_administrate, may_look
from monitor.site.throttle import browser_remember
from monitor.site.visitors import visitor_network


class SignIn(LoginView):
    template_name = "site/login.html"
    redirect_authenticated_user = True

    def get_default_redirect_url(self) -> str:
        return resolve_url("review-queue" if may_look(self.request.user) else "map")

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        browser_remember(response, form.get_user().get_username())
        return response


class OwnPassword(PasswordChangeView):
    template_name = "site/password.html"

    def get_success_url(self) -> str:
        return f"{self.request.path}?done=yes"


def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Django's admin sends everybody here whom it does not know, or does not let in."""
    if request.user.is_authenticated and not may_administrate(request.user):
        raise PermissionDenied("This page is for administrators.")
    wanted = request.GET.get("next") or reverse("admin:index")
    return HttpResponseRedirect(f"{reverse('login')}?{urlencode({'next': wanted}, safe='/')}")


def locked_out(request: HttpRequest, response: object, credentials: Mapping[str, str] | None) -> HttpResponse:
    """The answer to too many failed attempts."""
    return render(request, "site/locked.html", status=429)


def client_address(request: HttpRequest) -> str | None:
    """Whose attempts are counted; of an IPv6 address the network."""
    remote, forwarded = request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", "")
    return visitor_network(remote_address=remote, forwarded_for=forwarded).partition("/")[0] or None
