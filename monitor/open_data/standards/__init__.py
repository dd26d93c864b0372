"""Standard interfaces that other programs already support: OGC API Features, WMS, STAC and TileJSON."""
