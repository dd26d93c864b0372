"""Offsets between two detected images: where the ground of the reference lies in the secondary."""

NETWORK, ONE_WINDOW = "model", "model-32px"  # the network's choice of windows; its window of 32 px everywhere
VERSIONS = {NETWORK: "8", "multi-kernel": "2", "ncc": "3", "whitened": "3", ONE_WINDOW: "7"}  # raise with the numbers
METHODS = (*VERSIONS,)
POSTING_PX = 8
FARTHEST_PX = 128  # to which a search is widened
