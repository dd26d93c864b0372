"""The laboratory: training, benchmarks of accuracy and speed, replays. No part of the installed product."""
