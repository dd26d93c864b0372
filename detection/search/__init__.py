"""Search: areas in predictions, their figures and kinds."""
