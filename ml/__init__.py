"""Scheduled jobs on the library: runs of its methods, their queue and their results."""
