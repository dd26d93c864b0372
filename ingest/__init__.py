"""Gets data in: readers for published formats, and the tables they fill. Knows nobody above it."""
