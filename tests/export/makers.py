"""A small network for pictures of digits, which is exported in a second."""

import torch
from torch import Tensor, nn

DIGITS = "shufflenet_v2_x0_5_digits"


class TinyNetwork(nn.Module):
    """Two convolutions and a classifier, whose scores differ much from picture to picture."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 8, 5, stride=2)
        self.body = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.ReLU())
        self.head = nn.Linear(8, 10)
        nn.init.normal_(self.head.weight, std=20.0)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(self.stem(images)).mean((2, 3)))
