"""The public part of a site as files that any browser, GIS and notebook reads without a server."""
