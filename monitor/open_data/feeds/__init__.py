"""What a subscription brings, to be fetched: Atom, CAP and a calendar, each behind a secret link of its own token."""
