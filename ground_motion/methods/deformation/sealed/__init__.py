"""Sealed evidence of an alert: its inputs and figures in one archive, which everybody can check offline."""

FORMAT = 1
OF_MAIN = ("rate_mm_yr", "rate_sigma_mm_yr", "peak_rate_mm_yr", "peak_low_mm_yr", "peak_high_mm_yr")
