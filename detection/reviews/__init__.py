"""Reviews: what specialists say of alerts, and the work around it."""
