"""Three methods, one folder each, and what they share. Numerics are pure; only the job side knows Django."""

import os

# Before numpy is loaded: small matrices are solved in threads of ours, and threads of BLAS would only wait for each
# other. Torch has its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
