"""The torch device that a calculation runs on: resolved from a word that the caller passes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gliomon.common.errors import DomainError

if TYPE_CHECKING:
    import torch

CHOICES = ("auto", "cpu", "cuda")


def resolve_device(choice: str = "auto") -> torch.device:
    """Return the torch device for `choice`.

    Parameters
    ----------
    choice : {"auto", "cpu", "cuda"}
        "auto" takes CUDA where torch finds a usable one and the CPU otherwise.

    Raises
    ------
    DomainError
        `device_unknown` for another word, `device_missing` if CUDA was asked for by name and is not there:
        a silent fall back would turn seconds into minutes without a reason on screen.
    """
    import torch

    if choice not in CHOICES:
        raise DomainError("device_unknown", f"device must be one of {', '.join(CHOICES)}, got {choice!r}")
    has_cuda = torch.cuda.is_available()
    if choice == "cuda" and not has_cuda:
        raise DomainError("device_missing", "CUDA was asked for, but torch finds no usable CUDA device here")
    return torch.device("cuda" if has_cuda and choice != "cpu" else "cpu")


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one CPU thread inside the block, then restore the former number.

    For loops of many small operations on blocks that fit the cache: there the threads' barriers gain nothing on an
    idle machine and cost up to ten times the work itself on a busy one.
    """
    import torch

    former = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(former)
