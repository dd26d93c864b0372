"""News of a subscription as feeds: Atom, CAP and a calendar, each behind a secret link with a token of its own."""
