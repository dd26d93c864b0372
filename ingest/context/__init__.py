"""What is known of a place without any radar: regions, place names, glaciers, mines, landslides, elevation."""
