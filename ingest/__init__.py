"""Readers for published formats, and the tables that they fill. Imports nothing of the packages above."""
