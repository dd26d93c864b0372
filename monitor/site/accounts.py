"""Signing in and out. Django's admin uses the same door, so that one throttle guards both."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.contrib.auth.views import LoginView, PasswordChangeView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse

from monitor.site.guards import may_administrate, may_review
from monitor.site.visitors import visitor_address


class SignIn(LoginView):
    template_name = "site/login.html"
    redirect_authenticated_user = True

    def get_default_redirect_url(self) -> str:
        return resolve_url("review-queue" if may_review(self.request.user) else "map")


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
    """Whose attempts are counted."""
    remote, forwarded = request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", "")
    return visitor_address(remote_address=remote, forwarded_for=forwarded) or None
