"""Reviews: verdicts of specialists on alerts, and the work around them."""
