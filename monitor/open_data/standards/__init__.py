"""Interfaces that other programs know already: OGC API Features, STAC, TileJSON and CAP.

`queries` reads what an address asks for, `collections` finds features, `catalogues` and `views` wrap them.
"""
