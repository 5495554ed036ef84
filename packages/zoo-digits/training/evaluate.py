"""Measure the embedded digit model on the held-out digits, through the same steps as `zoo predict`.

nox -s digits
"""

import torch
from torch import nn

from zoo_core.prediction import ClassificationPredictor
from zoo_digits import ShuffleNet_V2_X0_5_Digits_Weights, shufflenet_v2_x0_5_digits
from zoo_digits.held_out import Digits, load_split

WEIGHTS = ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1


def accuracy(model: nn.Module, digits: Digits) -> float:
    """Return the percentage of images whose most probable class is right."""
    predictor = ClassificationPredictor(model, WEIGHTS, topk=1)
    inputs = [predictor.preprocess(image) for image in digits.images]
    predictions = predictor.predict(inputs, [""] * len(inputs))
    right = sum(p.top[0].index == label for p, label in zip(predictions, digits.labels, strict=True))
    return round(100 * right / len(digits.labels), 3)


def main() -> None:
    torch.set_num_threads(2)
    train_set, held_out = load_split()
    model = shufflenet_v2_x0_5_digits(weights=WEIGHTS)
    print(f"{WEIGHTS}: {WEIGHTS.file.digest}")
    print(f"  {len(train_set.labels)} digits trained on: {accuracy(model, train_set):.2f} % right")
    print(f"  {len(held_out.labels)} digits held out:    {accuracy(model, held_out):.2f} % right")


if __name__ == "__main__":
    main()
