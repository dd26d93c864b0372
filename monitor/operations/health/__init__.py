"""Health of the service: one table of conditions, and everyone who reads it: doctor, probes, metrics and alarms."""
