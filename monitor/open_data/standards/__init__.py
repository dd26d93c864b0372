"""Standard interfaces that other programs already support: OGC API Features, STAC, TileJSON and CAP."""
