"""A CPU that does not multiply in bfloat16 computes in float32 by itself."""

import pytest
import torch

from ml.runtime.device import low_precision


@pytest.mark.parametrize(
    ("held", "lower"), [({}, False), ({"avx512_bf16": False}, False), ({"avx512_bf16": True}, True)]
)
def test_a_cpu_computes_in_what_it_holds(held, lower, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: held)
    with low_precision(torch.device("cpu")):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if lower else torch.float32)
