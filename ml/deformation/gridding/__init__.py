"""Points to cells: single wild points put right, medians of cells, gaps filled."""
