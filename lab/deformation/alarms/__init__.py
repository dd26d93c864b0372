"""Every method at the same number of false alarms per area."""
