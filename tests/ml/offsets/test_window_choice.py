"""Which window is believed at each node: candidates, and a choice that lies among them."""

import math

import torch

from ml.networks.window_choice import WindowChoice, candidates


def answers(step_px: float = 0.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Own and near answers with their log sigmas, and all known: noise of 0.1 px about a step in the middle."""
    torch.manual_seed(3)
    offset = 0.1 * torch.randn(1, 2, 24, 24)
    offset[..., 12:] += step_px
    own = torch.cat([offset, torch.full_like(offset, math.log(0.1))], dim=1)
    return (
        own,
        own + torch.cat([0.2 * torch.randn_like(offset), torch.full_like(offset, 0.7)], dim=1),
        own[:, :1] * 0 + 1,
    )


def test_what_agrees_is_averaged_and_nothing_over_a_step():
    own, near, known = answers(step_px=3.0)
    offsets, _ = candidates(own, near, known)
    wide, alike = offsets[0, :, 4], offsets[0, :, 6]  # 9 x 9 nodes: all, and those that agree
    truth = torch.zeros(24, 24)
    truth[:, 12:] = 3.0
    assert float((wide - truth)[:, :, 10:14].abs().min()) > 0.3
    assert float((alike - truth).std()) < 0.05
    assert float((alike - truth).abs().max()) < 0.5
    assert float((offsets[0, :, 4] - truth)[:, :, 2:6].std()) < 0.03


def test_the_choice_lies_among_its_candidates_and_knows_no_frame():
    own, near, known = answers(step_px=1.0)
    choice = WindowChoice()
    torch.nn.init.normal_(choice.answer.weight, std=0.5)
    chosen_answer, log_sigma = choice(own, near, known)
    offsets, _ = candidates(own, near, known)
    assert bool(((chosen_answer >= offsets.amin(dim=2) - 1e-5) & (chosen_answer <= offsets.amax(dim=2) + 1e-5)).all())
    by = torch.tensor([5.0, -3.0, 0.0, 0.0])[:, None, None]
    moved, same = choice(own + by, near + by, known)
    torch.testing.assert_close(moved, chosen_answer + by[:2], atol=1e-4, rtol=0)
    torch.testing.assert_close(same, log_sigma, atol=1e-3, rtol=0)
