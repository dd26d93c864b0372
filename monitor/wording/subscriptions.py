"""Subscriptions in words."""

from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from monitor.wording.dates import day_words
from monitor.wording.figures import whole


def preview_sentence(mails: int, years: int, records_begin: datetime | None) -> str:
    """What a subscription would have brought in that many years, two or more, and since when there are records."""
    if mails:
        # Translators: %(years)s is 2 or more
        sentence = ngettext(
            "In the last %(years)s years this would have sent you one mail.",
            "In the last %(years)s years this would have sent you %(mails)s mails.",
            mails,
        )
    else:
        sentence = _("In the last %(years)s years this would have sent you no mail.")
    sentence %= {"years": whole(years), "mails": whole(mails)}
    if records_begin is None:
        nothing = _("Nothing has been recorded here yet.")
        return f"{sentence} {nothing}"
    if records_begin > datetime.now(UTC) - timedelta(days=365 * years):
        begin = _("Our records begin on %(day)s.") % {"day": day_words(records_begin)}
        return f"{sentence} {begin}"
    return sentence
