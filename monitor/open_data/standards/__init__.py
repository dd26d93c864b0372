"""Interfaces that other programs know already: OGC API Features, STAC, TileJSON and CAP."""
