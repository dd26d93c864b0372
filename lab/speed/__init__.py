"""Benchmarks: each quotes the median ratio to a control measured in the same run, alternating."""
