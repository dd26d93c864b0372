"""The mails of a demo, to look at."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from monitor.notifications.mail import files
from monitor.web.guards import demo_only


@require_GET
@demo_only
def mail_list(request: HttpRequest) -> HttpResponse:
    return render(request, "mail/demo_mail_list.html", {"mails": files.mails_kept()})


@require_GET
@demo_only
def mail_page(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "mail/demo_mail.html", {"mail": _mail_or_404(name)})


@require_GET
@xframe_options_sameorigin
@demo_only
def mail_html(request: HttpRequest, name: str) -> HttpResponse:
    """The HTML of a mail for a frame that may do nothing."""
    response = HttpResponse(_mail_or_404(name).html)
    response._csp_replace = {
        "default-src": ["'none'"],
        "script-src": ["'none'"],
        "style-src": ["'unsafe-inline'"],
        "img-src": ["data:"],
        "sandbox": ["allow-popups", "allow-top-navigation-by-user-activation"],
    }
    return response


def _mail_or_404(name: str) -> files.KeptMail:
    mail = files.mail_kept(name=name)
    if mail is None:
        raise Http404("There is no such mail.")
    return mail
