"""Arithmetic on sizes that may be symbols: what is exported does it for every size, without deciding anything."""

from typing import TypeVar

import torch

N = TypeVar("N", int, float)


def smaller(one: N, other: N) -> N:
    """Return the minimum of two sizes."""
    return torch.sym_min(one, other)  # type: ignore[no-untyped-call, no-any-return] # torch


def larger(one: N, other: N) -> N:
    """Return the maximum of two sizes."""
    return torch.sym_max(one, other)  # type: ignore[no-untyped-call, no-any-return] # torch
