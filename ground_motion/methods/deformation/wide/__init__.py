"""Long-wavelength motion of 5-50 km in velocity fields on cells of 1 km; `search` begins with the assumptions."""
