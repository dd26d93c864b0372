"""Is the service well? One table of conditions, and everyone who reads it: doctor, probes, metrics and alarms."""
