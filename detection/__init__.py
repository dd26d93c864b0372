"""Detection: flagged areas in predictions, and alerts from flagged areas."""
