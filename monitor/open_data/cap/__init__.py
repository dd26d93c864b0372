"""Alerts as messages of the Common Alerting Protocol (CAP 1.2, OASIS), kept as they were issued."""
