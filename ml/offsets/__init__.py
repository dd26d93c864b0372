"""Offsets between two detected images: where the ground of the reference lies in the secondary."""
