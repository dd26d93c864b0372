"""Standing orders: which pairs are wanted, what they cost, and how they get from a processor to the downloads."""
