"""The device word is resolved or refused, never guessed."""

import pytest
import torch

from gliomon.common.errors import DomainError
from imaging.compute.device import one_thread, resolve_device


def test_cpu_stays_on_the_cpu():
    assert resolve_device("cpu") == torch.device("cpu")


def test_auto_follows_what_torch_finds():
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_an_unknown_word_is_refused():
    with pytest.raises(DomainError) as refusal:
        resolve_device("gpu")
    assert refusal.value.code == "device_unknown"


def test_cuda_by_name_is_not_replaced_in_silence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DomainError) as refusal:
        resolve_device("cuda")
    assert refusal.value.code == "device_missing"


def test_one_thread_is_given_back_even_after_an_error():
    former = torch.get_num_threads()

    def fail_inside():
        with one_thread():
            assert torch.get_num_threads() == 1
            raise ValueError("inside")

    torch.set_num_threads(2)
    try:
        with pytest.raises(ValueError, match="inside"):
            fail_inside()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(former)
