"""When the trend of one displacement series changed: piecewise lines, season and steps in noise that is correlated."""
