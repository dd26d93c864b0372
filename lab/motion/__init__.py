"""How well changes of the trend of displacement series are found, on simulated series."""
