"""Offsets between two detected images: where the ground of the reference lies in the secondary."""

ON_NODES = ("model", "cc-res-siamnet", "law")  # by ml.offsets.network; the others correlate windows
VERSIONS = {"model": "13", "law": "5", "cc-res-siamnet": "4", "multi-kernel": "4", "ncc": "5", "whitened": "6"}
METHODS = (*VERSIONS,)
POSTING_PX = 8
FARTHEST_PX = 128  # to which a search is widened
