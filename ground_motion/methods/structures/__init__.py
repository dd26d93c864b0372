"""Buildings and lines: which points measure them, how they move, and how unevenly. Pure."""

SAME_M = 100.0  # Breaks of a line that are nearer to each other are one, in a data set and between data sets.
