"""The checks of `monitor.operations.health.conditions`, by what they look at. Each says what holds, or raises Wrong."""
