"""What an operator chose of the queue: filters that stand in the address of the list and of each case."""

from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.translation import pgettext_lazy

from detection.reviews.queue import Wanted
from ingest.context.regions import region_by_name
from ingest.models import AdministrativeRegion
from monitor.pages.alerts.choice import KINDS, SEVERITIES, STATES
from monitor.subscribers.accounts.selectors import reviewers
from monitor.wording.cards.filters import alerts_touching

CLAIMS = [
    ("mine", pgettext_lazy("cases", "held by me")),
    ("free", pgettext_lazy("cases", "held by nobody else")),
]
PUBLICATION = [("waiting", pgettext_lazy("cases", "waits for a second person"))]
VISITS = [
    ("due", pgettext_lazy("cases", "visit due")),
    ("planned", pgettext_lazy("cases", "visit planned for later")),
]
ME, NOBODY = "me", "nobody"
CHOICES = {name: {value for value, _ in values} for name, values in (
    ("kind", KINDS), ("state", STATES), ("severity", SEVERITIES), ("claim", CLAIMS),
    ("publication", PUBLICATION), ("visit", VISITS),
)}  # fmt: skip


class QueueChoice:
    """Filters of one request, without invalid ones."""

    def __init__(self, request: HttpRequest) -> None:
        self.person = request.user
        self.values = {
            name: value if (value := request.GET.get(name, "")) in known else "" for name, known in CHOICES.items()
        }
        self.region_text = request.GET.get("region", "")[:200]
        self.given = request.GET.get("given", "")
        if self.given not in {ME, NOBODY, *(str(one.pk) for one in self.colleagues)}:
            self.given = ""

    @cached_property
    def colleagues(self) -> list[User]:
        """Return the reviewers."""
        return list(reviewers())

    @cached_property
    def region(self) -> AdministrativeRegion | None:
        """Return the chosen region."""
        return region_by_name(text=self.region_text) if self.region_text else None

    @property
    def unknown_region(self) -> str:
        """Return the name that was written where no loaded region has it."""
        return "" if self.region else self.region_text

    @property
    def wanted(self) -> Wanted:
        """Return the filters as the queue needs them."""
        given = {"": None, NOBODY: None, ME: self.person.pk}
        return Wanted(
            kind=self.values["kind"],
            state=self.values["state"],
            severity=self.values["severity"],
            among=alerts_touching(self.region) if self.region else None,
            mine=self.values["claim"] == "mine",
            free=self.values["claim"] == "free",
            proposed=self.values["publication"] == "waiting",
            given=given[self.given] if self.given in given else int(self.given),
            visit=self.values["visit"],
            given_to_nobody=self.given == NOBODY,
        )

    @property
    def chosen(self) -> dict[str, str]:
        """Return the filters that are set, as parameters of an address."""
        region = self.region.slug if self.region else ""
        return {name: value for name, value in {**self.values, "region": region, "given": self.given}.items() if value}

    @property
    def query(self) -> str:
        """Return the filters that are set, as a query string."""
        return urlencode(self.chosen)

    def fields(self) -> dict[str, Any]:
        """Return the context of the filter form."""
        return {
            "values": self.values,
            "kinds": KINDS,
            "states": STATES,
            "severities": SEVERITIES,
            "claims": CLAIMS,
            "publication": PUBLICATION if settings.SECOND_PERSON_FROM or self.values["publication"] else [],
            "visits": VISITS,
            "colleagues": self.colleagues,
            "given": self.given,
            "region": self.region.slug if self.region else self.region_text,
            "unknown_region": self.unknown_region,
            "n_chosen": len(self.chosen),
            "query": self.query,
        }
