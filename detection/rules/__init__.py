"""Rules of alerts: pure functions of figures, states and dates."""
