"""Health of the service: one table of conditions, and what uses it: doctor, probes, metrics and alarms."""
