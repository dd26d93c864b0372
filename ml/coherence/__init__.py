"""Coherence of two detected images, and its change relative to earlier pairs."""

NETWORK = "residual-unet"
VERSIONS = {
    NETWORK: "5",
    "guarnieri-prati": "2",
    "pearson": "2",
    "posterior-mean": "2",
}  # raise with the numbers
METHODS = (*VERSIONS,)
WINDOW_PX = 9  # of the classical methods
TRUTHS = ("scatterers", "sample")  # gamma of the scatterers; complex sample coherence over 5 x 5 px
COMPARABLE = TRUTHS[1]  # with coherence from complex images: what maps show; change is found in the first
