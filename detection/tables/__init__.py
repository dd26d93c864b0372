"""Further tables of `detection.models`, which imports all of them."""
