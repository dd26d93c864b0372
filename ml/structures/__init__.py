"""Buildings and lines: which points measure them, how they move, and how unevenly. Pure."""
