"""The checks of `monitor.health.conditions`, by what they look at. Each says what holds, or raises Wrong."""
