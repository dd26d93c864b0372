"""Three methods, one folder each, and their common parts. Numerics are pure; only runs and their jobs use Django."""

import os

# Before numpy is loaded: small matrices are solved in threads of ours, and threads of BLAS would only wait for each
# other. Torch has its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
