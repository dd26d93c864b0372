"""A CPU that does not multiply in bfloat16 computes in float32 by itself."""

import pytest
import torch

from ml.runtime.device import full_precision, low_precision, precision


@pytest.mark.parametrize(
    ("held", "lower"), [({}, False), ({"avx512_bf16": False}, False), ({"avx512_bf16": True}, True)]
)
def test_a_cpu_computes_in_what_it_holds(held, lower, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: held)
    with low_precision(torch.device("cpu")):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if lower else torch.float32)


def test_float32_can_be_forced_and_is_what_a_run_records(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    cpu = torch.device("cpu")
    assert precision(cpu) == "bfloat16"
    monkeypatch.setenv("ML_PRECISION", "float32")
    assert precision(cpu) == precision(torch.device("cuda")) == "float32"
    with low_precision(cpu):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    monkeypatch.setenv("ML_PRECISION", "int8")
    with pytest.raises(ValueError, match="use auto, tf32 or float32"):
        precision(cpu)


@pytest.mark.parametrize(
    ("wish", "on_cpu", "on_gpu", "convolutions"),
    [("tf32", "float32", "tf32", "tf32"), ("auto", "float32", "bfloat16", "ieee")],
)
def test_a_gpu_multiplies_float32_in_tf32_only_where_it_may(wish, on_cpu, on_gpu, convolutions, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    monkeypatch.setenv("ML_PRECISION", wish)
    assert (precision(torch.device("cpu")), precision(torch.device("cuda"))) == (on_cpu, on_gpu)
    before = torch.backends.cudnn.conv.fp32_precision
    with full_precision(torch.device("cuda")):
        assert torch.backends.cudnn.conv.fp32_precision == convolutions
    assert torch.backends.cudnn.conv.fp32_precision == before
