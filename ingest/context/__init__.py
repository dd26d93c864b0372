"""Context of a place that does not come from radar: regions, names, glaciers, mines, landslides, elevation."""
