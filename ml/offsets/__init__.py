"""Offsets between two detected images: where the ground of the reference lies in the secondary."""

ON_NODES = ("model", "cc-res-siamnet", "law")  # by ml.offsets.network; the others correlate windows
VERSIONS = {"model": "9", "law": "1", "cc-res-siamnet": "1", "multi-kernel": "2", "ncc": "3", "whitened": "3"}
METHODS = (*VERSIONS,)
POSTING_PX = 8
FARTHEST_PX = 128  # to which a search is widened
