"""Coherence of two detected images, and its change relative to earlier pairs."""

NETWORK, SICA, MIX = "residual-unet", "sica-residual-unet", "linear-mix"
VERSIONS = {
    NETWORK: "6",
    SICA: "1",
    MIX: "1",
    "guarnieri-prati": "2",
    "pearson": "2",
    "posterior-mean": "2",
}  # raise with the numbers
METHODS = (*VERSIONS,)
TOLD = (NETWORK, MIX)  # methods that are told the wanted window
WINDOW_PX = 9  # of the classical methods
SAMPLE_WINDOW = (5, 5)  # rows, columns, px: of the coherence that maps show; change is found in the scatterers' own
WIDEST_PX = 31  # side of a window, px
