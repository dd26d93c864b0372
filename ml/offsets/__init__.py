"""Offsets between two detected images: where the ground of the reference lies in the secondary."""

ON_NODES = ("model", "cc-res-siamnet", "law")  # by ml.offsets.network; the others correlate windows
VERSIONS = {"model": "10", "law": "2", "cc-res-siamnet": "2", "multi-kernel": "3", "ncc": "4", "whitened": "5"}
METHODS = (*VERSIONS,)
POSTING_PX = 8
FARTHEST_PX = 128  # to which a search is widened
