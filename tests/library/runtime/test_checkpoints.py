"""Weights as files, and the card of each."""

import pytest
import torch
from torch import nn

from ground_motion.core.errors import InputError
from ground_motion.runtime.checkpoints import WEIGHTS, Card, load, read_card, save

CARD = Card("offsets", "tiny", "1", network={"width": 2})


def test_weights_come_back_with_their_card(tmp_path):
    network, other = nn.Linear(3, 2), nn.Linear(3, 2)
    saved = save(tmp_path, CARD, network)
    assert saved.weights_sha256
    assert read_card("tiny", tmp_path) == saved
    load(saved, other, tmp_path)
    assert torch.equal(network.weight, other.weight)


def test_weights_that_are_stored_as_bfloat16_are_computed_with_as_float32(tmp_path):
    network, other = nn.Linear(300, 2).bfloat16(), nn.Linear(300, 2)
    load(save(tmp_path, CARD, network), other, tmp_path)
    assert other.weight.dtype == torch.float32
    assert torch.equal(network.weight.float(), other.weight)
    assert (tmp_path / "tiny.safetensors").stat().st_size < 2 * other.weight.numel() + 500


@pytest.mark.parametrize("path", sorted(WEIGHTS.glob("*.safetensors")), ids=lambda path: path.stem)
def test_no_weights_are_larger_than_ten_megabytes(path):
    assert path.stat().st_size <= 10_000_000


def test_weights_that_are_not_the_cards_are_refused(tmp_path):
    card = save(tmp_path, CARD, nn.Linear(3, 2))
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="is not the card's"):
        load(card, nn.Linear(3, 2), tmp_path)
    path.unlink()
    with pytest.raises(InputError, match="missing"):
        load(card, nn.Linear(3, 2), tmp_path)


def test_weights_of_another_network_are_refused(tmp_path):
    card = save(tmp_path, CARD, nn.Linear(3, 2))
    with pytest.raises(InputError, match="does not fit"):
        load(card, nn.Linear(4, 2), tmp_path)


@pytest.mark.parametrize("text", ["{", '{"nonsense": 1}', "[]"])
def test_a_card_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "tiny.json").write_text(text)
    with pytest.raises(InputError, match="not a model's card"):
        read_card("tiny", tmp_path)


def test_the_error_for_a_missing_card_names_the_remedy(tmp_path):
    with pytest.raises(InputError, match="python -m ml train"):
        read_card("tiny", tmp_path)
