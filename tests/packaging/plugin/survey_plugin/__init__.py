"""Format, method and channel of an agency, in a package of its own."""
