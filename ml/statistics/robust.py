"""Statistics that a few wild values do not disturb."""

MAD_TO_SIGMA = 1.4826  # the median absolute deviation of a Gaussian, to its standard deviation
