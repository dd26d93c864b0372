"""Forms of the subscription pages: what, how often, and to whom. The form of the place is in `places`."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from detection.kinds import KIND_LABELS
from monitor.models.subscriptions import Subscription
from monitor.subscribers.subscriptions.places import SeveralField, WhereForm
from monitor.subscribers.subscriptions.selectors import WISH

Frequency = Subscription.Frequency
SEVERITY_WORDS = [
    ("minor", gettext_lazy("Any motion")),
    (
        "moderate",
        gettext_lazy(
            "Medium and high importance: over 10 mm a year, a square kilometre, or many buildings or people on it"
        ),
    ),
    (
        "strong",
        gettext_lazy(
            "High importance only: over 50 mm a year, or over 10 mm under many buildings, people or a railway"
        ),
    ),
]
EXPOSURE_WORDS = [
    ("0", gettext_lazy("Whatever is built there")),
    ("1", gettext_lazy("Where somebody lives or a building stands")),
    ("10", gettext_lazy("Where at least 10 people live or 10 buildings stand")),
    ("100", gettext_lazy("Where at least 100 people live or 100 buildings stand")),
]
FREQUENCY_WORDS = [
    (Frequency.AT_ONCE.value, gettext_lazy("At once: within minutes, and at most one mail an hour")),
    (Frequency.DAILY.value, gettext_lazy("Once a day: one mail in the morning, if there is something new")),
    (Frequency.WEEKLY.value, gettext_lazy("Once a week: one mail on Monday, if there is something new")),
    (Frequency.MONTHLY.value, gettext_lazy("Once a month: one mail on the first day, if there is something new")),
]


class ChoiceForm(WhereForm):
    """Form of a place, filters and frequency: the fields that a preview needs."""

    kinds = SeveralField(
        choices=list(KIND_LABELS.items()),
        error_messages={"required": gettext_lazy("Choose at least one kind of motion.")},
    )
    lowest_severity = forms.ChoiceField(choices=SEVERITY_WORDS)
    unreviewed = forms.BooleanField(required=False)
    updates = forms.BooleanField(required=False)
    least_exposure = forms.TypedChoiceField(
        choices=EXPOSURE_WORDS,
        coerce=int,
        empty_value=0,  # type: ignore[arg-type]  # a number, as coerced
        required=False,
    )
    frequency = forms.ChoiceField(choices=FREQUENCY_WORDS)
    sign_of_life = forms.BooleanField(required=False)
    bulletins = forms.BooleanField(required=False)

    def choice(self) -> dict[str, Any]:
        """Return the chosen region, filters and frequency as keyword arguments of the services."""
        return {name: self.cleaned_data[name] for name in ("region", *WISH)}


class EmailForm(forms.Form):
    """Form with an address alone."""

    email = forms.EmailField(
        max_length=254,
        widget=forms.EmailInput(attrs={"id": "email", "autocomplete": "email"}),
        error_messages={
            "required": gettext_lazy("Type your e-mail address."),
            "invalid": gettext_lazy("This does not look like an e-mail address, such as name@example.org."),
        },
    )


class SubscribeForm(EmailForm, ChoiceForm):
    """Form of the subscription page, with the mail address last."""
