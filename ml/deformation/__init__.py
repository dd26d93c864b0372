"""Detection of deformation in velocity fields: points are gridded, and each cell gets a probability and a rate."""

VERSIONS = {  # of every method; raise when the numbers change
    "matched-filter": "3",
    "threshold": "3",
    "ada": "2",
    "getis-ord": "2",
    "whitening": "3",
    "gls": "6",
    "overwrapped-cnn": "2",
    "model": "15",
    "network": "15",
    "without-network": "15",
}
METHODS = (*VERSIONS,)
DEFAULT_METHOD = "model"  # of the command and of the service, unless its settings name another
