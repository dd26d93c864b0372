"""Sealed evidence of an alert: its inputs and figures in one archive, which everybody can check offline."""
