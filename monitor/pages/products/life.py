"""Steps of a data set's life in words, for its page, and the forms that take it back and undo that."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib import messages
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from detection.selectors import alerts_resting_on
from ground_motion.core.errors import promised
from ingest.models import Product, ProductEvent
from ingest.products.life import SEALED_DAYS, product_restore, product_withdraw, products_sealed
from monitor.models.messages import Notification
from monitor.subscribers.subscriptions.selectors import subscriptions_reached
from monitor.web.guards import account_in, loaders_only
from monitor.wording.cards.cards import alert_card
from monitor.wording.images import data_set_name

Act = ProductEvent.Act
SHOWN = 5
MAX_WHY_LENGTH = 500
ACT_WORDS = {
    Act.LOADED: gettext_lazy("Loaded"),
    Act.CORRECTED: gettext_lazy("Corrected"),
    Act.SUPERSEDED: gettext_lazy("Replaced by a newer release"),
    Act.WITHDRAWN: gettext_lazy("Taken back"),
    Act.RESTORED: gettext_lazy("Restored"),
    Act.DELETED: gettext_lazy("Deleted"),
}
REPLACING_WORDS = {  # The page of the version that replaced another one says these.
    Act.CORRECTED: gettext_lazy("Corrects an earlier version"),
    Act.SUPERSEDED: gettext_lazy("Replaced an older release"),
}
DECISIVE = (Act.WITHDRAWN, Act.CORRECTED, Act.RESTORED)  # The last of these tells whether a data set stands.


class Step(NamedTuple):
    """A step of a data set's life in words. other, url: name and page of the version concerned, or empty."""

    act: Act
    is_own: bool  # False for a step of the version that this one replaced.
    words: str
    at: datetime
    by: str
    why: str
    other: str
    url: str


class Sealed(NamedTuple):
    """A data set that was taken back, in the list of operators."""

    name: str
    url: str
    why: str
    days_left: int


def steps_of(product: int) -> list[Step]:
    """Return the steps of a data set's life, the newest first, also of one that is deleted."""
    events = list(ProductEvent.objects.filter(Q(product=product) | Q(other=product, act__in=REPLACING_WORDS)))
    concerned = [event.other_id if event.product_id == product else event.product_id for event in events]
    others = Product.every.in_bulk([pk for pk in concerned if pk])
    steps = []
    for event, pk in zip(reversed(events), reversed(concerned), strict=True):
        act, is_own, other = Act(event.act), event.product_id == product, others.get(pk or 0)
        words = (ACT_WORDS if is_own else REPLACING_WORDS)[act]
        name, url = (data_set_name(other.name), reverse("product-detail", args=[other.pk])) if other else ("", "")
        steps.append(Step(act, is_own, str(words), event.at, event.by, event.why, name, url))
    return steps


def ending_of(steps: list[Step]) -> Step | None:
    """Return the step by which a data set was taken back or corrected; None if it is valid or never existed."""
    last = next((step for step in steps if step.is_own and step.act in DECISIVE), None)
    return None if last is None or last.act is Act.RESTORED else last


def sealed_rows() -> list[Sealed]:
    """Return the data sets whose withdrawal can still be undone, the last one first."""
    rows = []
    again = Product.objects.filter(file_sha256=OuterRef("file_sha256"))  # `product_restore` refuses these.
    for product in products_sealed().exclude(Exists(again)):
        ending = ending_of(steps_of(product.pk))
        left = promised(product.withdrawn_at) + timedelta(days=SEALED_DAYS) - timezone.now()
        url = reverse("product-detail", args=[product.pk])
        rows.append(Sealed(data_set_name(product.name), url, ending.why if ending else "", left.days + 1))
    return rows


@require_http_methods(["GET", "HEAD", "POST"])
@loaders_only
def product_take_back(request: HttpRequest, product: int) -> HttpResponse:
    """Say what taking a data set back brings about, and ask why; on POST, take it back."""
    loaded = get_object_or_404(Product, pk=product)
    fault = ""
    if request.method == "POST":
        try:
            why = request.POST.get("why", "")[:MAX_WHY_LENGTH]
            product_withdraw(product=loaded, why=why, by=account_in(request).get_username())
        except ValueError as refused:
            fault = f"{refused}."
        else:
            messages.success(request, _("The data set was taken back. Nothing of it is shown any more."))
            return redirect("product-detail", product)
    ending = alerts_resting_on(product=loaded)
    context = {
        "product": loaded,
        "name": data_set_name(loaded.name),
        "alerts": [alert_card(alert) for alert in ending[:SHOWN]],
        "n_alerts": ending.count(),
        "n_told": subscriptions_reached(news=Notification.objects.filter(transition__alert__in=ending)).count(),
        "until": timezone.now() + timedelta(days=SEALED_DAYS),
        "fault": fault,
    }
    return render(request, "pages/products/take_back.html", context, status=422 if fault else 200)


@require_POST
@loaders_only
def product_undo(request: HttpRequest, product: int) -> HttpResponse:
    """Restore a data set that was taken back."""
    sealed = get_object_or_404(Product.every, pk=product)
    try:
        product_restore(product=sealed, by=account_in(request).get_username())
    except ValueError as refused:
        messages.error(request, format_html('<span lang="en">{}.</span>', refused))
    else:
        messages.success(request, _("The data set is valid again, with its alerts."))
    return redirect("product-detail", product)
