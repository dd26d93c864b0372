"""Subscriptions in words."""

from datetime import UTC, datetime, timedelta

from monitor.wording.dates import day_words

SEVERITY_STEPS = {"minor": "low importance", "moderate": "medium importance", "strong": "high importance"}


def preview_sentence(mails: int, years: int, records_begin: datetime | None) -> str:
    """What a subscription would have brought, and since when there are records."""
    period = "two years" if years == 2 else f"{years} years"
    count = {0: "no mail", 1: "one mail"}.get(mails, f"{mails} mails")
    sentence = f"In the last {period} this would have sent you {count}."
    if records_begin is None:
        return f"{sentence} Nothing has been recorded here yet."
    if records_begin > datetime.now(UTC) - timedelta(days=365 * years):
        return f"{sentence} Our records begin on {day_words(records_begin)}."
    return sentence
