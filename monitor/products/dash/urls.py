"""The part of Plotly Dash's addresses that the workbench needs. Stored apps and their administration are left out:
as they come, an unknown name ends in an error, and anybody's visit to one address writes a row."""

from functools import wraps

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern
from django.views.decorators.http import require_POST, require_safe
from django_plotly_dash.app_name import app_name  # noqa: F401  (the namespace)
from django_plotly_dash.dash_wrapper import get_local_stateless_list
from django_plotly_dash.models import DashApp, StatelessApp
from django_plotly_dash.urls import urlpatterns as theirs

for model in (DashApp, StatelessApp):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


def _kept(pattern: URLPattern) -> URLPattern:
    view = pattern.callback

    @wraps(view)
    def guarded(request: HttpRequest, ident: str, **kwargs: object) -> HttpResponse:
        if ident not in get_local_stateless_list():
            raise Http404("There is no such analysis.")
        if pattern.name == "app-layout--args" and kwargs["cache_id"] not in request.session:
            raise Http404("This analysis was opened in another session.")
        return view(request, ident=ident, **kwargs)

    verbs = require_POST if "update-component" in pattern.name else require_safe
    return URLPattern(pattern.pattern, verbs(guarded), pattern.default_args, pattern.name)


urlpatterns = [_kept(pattern) for pattern in theirs if pattern.name.startswith("app-") and "routes" not in pattern.name]
