"""Boxes at random places."""

import torch


def boxes(number, seed=0):
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(number, 2, generator=generator) * 60
    return torch.cat([corners, corners + 5 + torch.rand(number, 2, generator=generator) * 50], dim=1)
