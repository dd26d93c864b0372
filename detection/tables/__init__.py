"""Tables beside those in `detection.models`, which imports all of them."""
