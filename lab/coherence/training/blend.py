"""`python -m lab.coherence.training.blend BEFORE AFTER SHARE OUT`: weights between two.

A share of AFTER, which a training made of BEFORE, and the rest of BEFORE: what a training on another kind of ground
forgot comes back, much of what it learnt stays (Wortsman et al. 2022, Robust fine-tuning of zero-shot models). The
share is chosen on validation.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from lab.coherence.training.task import begin_with
from ml.coherence.network import NAME, made
from ml.runtime.checkpoints import Card, read_card, save


def blended(before: Path, after: Path, share: float, out: Path) -> Card:
    """Write weights and card to `out`; what only `after` has is taken whole. ValueError for a share outside 0-1."""
    if not 0 <= share <= 1:
        raise ValueError(f"share {share:g} is not between 0 and 1")
    card = read_card(NAME, after)
    first, second = made(card.network), made(card.network)
    begin_with(second, after)
    first.load_state_dict(second.state_dict())
    begin_with(first, before)
    weights = second.state_dict()
    for key, value in first.state_dict().items():
        weights[key] = (1 - share) * value + share * weights[key]
    training = card.training | {"share": share, "blended_with": read_card(NAME, before).weights_sha256}
    return save(out, dataclasses.replace(card, training=training, figures={}), weights)


def main() -> None:
    """Blend, write, print the hash of the weights."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.coherence.training.blend", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("share", type=float)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print(blended(args.before, args.after, args.share, args.out).weights_sha256)


if __name__ == "__main__":
    main()
