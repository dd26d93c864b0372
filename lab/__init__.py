"""Training, benchmarks of accuracy and speed, and replays; not part of the installed product."""
