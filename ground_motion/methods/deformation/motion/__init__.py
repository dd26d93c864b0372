"""Changes of trend in one displacement series: piecewise lines, season and steps in correlated noise."""
