"""Context of a place from other sources than radar: regions, names, glaciers, mines, landslides, elevation."""
