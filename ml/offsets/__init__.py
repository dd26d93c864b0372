"""Offsets between two detected images: where the ground of the reference lies in the secondary."""

BY_LAW = ("model", "law")  # from evidence at whole lags: added as a network says, or over one window
VERSIONS = {"model": "9", "law": "1", "multi-kernel": "2", "ncc": "3", "whitened": "3"}
METHODS = (*VERSIONS,)
POSTING_PX = 8
FARTHEST_PX = 128  # to which a search is widened
