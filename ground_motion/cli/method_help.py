"""Option --method of a command, with a sentence on each method at the end of the help."""

import argparse
from functools import partial

from ground_motion.runtime.methods import MODEL, method_of, methods, shipped_method

SENTENCES = {
    "deformation": {
        "matched-filter": "Compares robust cell means with bowls of four sizes; fast, without learning.",
        "threshold": "Marks cells that move faster than 4.5 mm a year; the simplest.",
        "ada": "Groups neighbouring points that move by more than the map's scatter (active deformation areas).",
        "getis-ord": "Marks hot and cold spots of the rates by the statistic Gi* of Getis and Ord.",
        "whitening": "Weighs bowls against the atmospheric delay that the field itself shows, without learning.",
        "gls": "Fits bowls by generalised least squares and marks those that noise rarely produces.",
        "overwrapped-cnn": "Wraps rates into fringes at five gains and lets a network judge them (arXiv:2005.03221).",
        "model": "Combines the fit of bowls with a trained network, and decides by a calibration; the default.",
        "network": "Decides by the trained network alone; for comparison.",
        "without-network": "Decides as the default does, with the network left out; for comparison.",
    },
    "coherence": {
        "residual-unet": "Estimates coherence and its uncertainty by a trained network for any window; the default.",
        "sica-residual-unet": "Estimates by a trained network for the one window of 5 by 5 pixels.",
        "linear-mix": "Mixes classical estimates by learned weights.",
        "guarnieri-prati": "Estimates from intensities by Guarnieri and Prati (1997), unchanged by common texture.",
        "pearson": "Correlates the intensities of a window; texture that both images share raises it.",
        "posterior-mean": "Averages all coherences that the speckle allows; on even ground no method errs less.",
    },
    "offsets": {
        "model": "Refines the best matches by a trained network and states their uncertainty; the default.",
        "law": "Takes the best correlation at whole pixels, with which the network begins.",
        "cc-res-siamnet": "Matches by the published network of that name.",
        "multi-kernel": "Correlates windows of four sizes and takes the smallest with a clear match.",
        "ncc": "Correlates windows of 32 pixels (normalised cross-correlation), as most trackers do.",
        "whitened": "Correlates images whose spectrum was flattened, so that fine texture counts.",
    },
}


def add_method(parser: argparse.ArgumentParser, task: str, default: str) -> None:
    """Add --method, and below the options a sentence on each method; a plug-in's method has its label."""
    known, own = methods(task), shipped_method(task).network
    names = f"'{MODEL}' and '{own}' both mean the shipped network (default: %(default)s)"
    parser.add_argument("--method", type=partial(method_of, task), choices=[*known], default=default, help=names)
    width = max(map(len, known))
    rows = [f"  {name:<{width}}  {SENTENCES[task].get(name, row.label)}" for name, row in known.items()]
    parser.epilog = "\n".join(["methods:", *rows])
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
