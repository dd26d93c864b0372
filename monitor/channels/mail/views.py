"""The mails of a demo, to look at. These pages exist only in a demo whose mails are kept as files."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from monitor.channels.mail import files
from monitor.site.demo import mails_are_shown


@require_GET
def mail_list(request: HttpRequest) -> HttpResponse:
    _only_in_a_demo()
    return render(request, "mail/demo_mail_list.html", {"mails": files.mails_kept()})


@require_GET
def mail_page(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "mail/demo_mail.html", {"mail": _mail_or_404(name)})


@require_GET
@xframe_options_sameorigin
def mail_html(request: HttpRequest, name: str) -> HttpResponse:
    """The HTML of a mail for a frame that may do nothing."""
    response = HttpResponse(_mail_or_404(name).html)
    response._csp_replace = {
        "default-src": ["'none'"],
        "script-src": ["'none'"],
        "style-src": ["'unsafe-inline'"],
        "sandbox": ["allow-popups", "allow-top-navigation-by-user-activation"],
    }
    return response


def _mail_or_404(name: str) -> files.KeptMail:
    _only_in_a_demo()
    mail = files.mail_kept(name=name)
    if mail is None:
        raise Http404("There is no such mail.")
    return mail


def _only_in_a_demo() -> None:
    if not mails_are_shown():
        raise Http404("There are no mails to look at here.")
