"""A CPU that does not multiply in bfloat16 computes in float32 by itself."""

import pytest
import torch

from ground_motion.runtime import device


@pytest.mark.parametrize(
    ("held", "lower"), [({}, False), ({"avx512_bf16": False}, False), ({"avx512_bf16": True}, True)]
)
def test_a_cpu_computes_in_what_it_holds(held, lower, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: held)
    with device.low_precision(torch.device("cpu")):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if lower else torch.float32)


def test_float32_can_be_forced_and_is_what_a_run_records(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    cpu = torch.device("cpu")
    assert device.precision(cpu) == "bfloat16"
    monkeypatch.setenv("ML_PRECISION", "float32")
    assert device.precision(cpu) == device.precision(torch.device("cuda")) == "float32"
    with device.low_precision(cpu):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    monkeypatch.setenv("ML_PRECISION", "int8")
    with pytest.raises(ValueError, match="use auto, tf32 or float32"):
        device.precision(cpu)


@pytest.mark.parametrize(
    ("wish", "on_cpu", "on_gpu", "convolutions"),
    [("tf32", "float32", "tf32", "tf32"), ("auto", "float32", "bfloat16", "ieee")],
)
def test_a_gpu_multiplies_float32_in_tf32_only_where_it_may(wish, on_cpu, on_gpu, convolutions, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    monkeypatch.setenv("ML_PRECISION", wish)
    assert (device.precision(torch.device("cpu")), device.precision(torch.device("cuda"))) == (on_cpu, on_gpu)
    before = torch.backends.cudnn.conv.fp32_precision
    with device.full_precision(torch.device("cuda")):
        assert torch.backends.cudnn.conv.fp32_precision == convolutions
    assert torch.backends.cudnn.conv.fp32_precision == before


@pytest.mark.parametrize("with_grad", [True, False])
def test_parts_are_computed_in_threads_of_their_own_and_in_order(with_grad):
    def work(number: int) -> tuple[int, int, bool]:
        torch.ones(8).sum()
        return number, torch.get_num_threads(), torch.is_grad_enabled()

    with device.torch_threads(2), torch.set_grad_enabled(with_grad):
        assert device.map_in_threads(work, range(9), torch.device("cpu")) == [
            (number, 1, with_grad) for number in range(9)
        ]
        assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("most", "shared"), [(None, (4, 1)), (2, (2, 2)), (3, (3, 1)), (9, (4, 1))])
def test_workers_share_the_threads_of_torch(most, shared):
    with device.torch_threads(4):
        with device.shared_threads(torch.device("cpu"), most) as workers:
            assert (workers, torch.get_num_threads()) == shared
        assert torch.get_num_threads() == 4
    with device.shared_threads(torch.device("cuda"), most) as workers:
        assert workers == 1
