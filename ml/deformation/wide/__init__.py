"""A second look at velocity fields on cells of 1 km, for motion of 5-50 km; what it rests on: `look`."""
