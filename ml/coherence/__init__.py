"""Coherence of two detected images, and its change relative to earlier pairs."""

NETWORK, SICA = "residual-unet", "sica-residual-unet"
VERSIONS = {
    NETWORK: "6",
    SICA: "1",
    "guarnieri-prati": "2",
    "pearson": "2",
    "posterior-mean": "2",
}  # raise with the numbers
METHODS = (*VERSIONS,)
WINDOW_PX = 9  # of the classical methods
SAMPLE_WINDOW = (5, 5)  # rows, columns, px: of the coherence that maps show; change is found in the scatterers' own
WIDEST_PX = 31  # side of a window, px
