"""Train with a loop of one's own on Accelerate, on zoo's data, augmentations, schedule and moving average.

pip install zoo-training zoo-classification accelerate
accelerate launch examples/train_with_accelerate.py my-photos/ my-model/ --model resnet18
"""

import argparse
from typing import Any

import torch
from accelerate import Accelerator

from zoo_core import save_model
from zoo_core.tuning import ExponentialMovingAverage, parameter_groups
from zoo_training import Batches, learning_rate, make_loader, prepare


def main(data: str, output: str, *, model: str = "resnet18", **recipe: Any) -> dict[str, float]:
    """Train, save the average, and return what it reaches."""
    accelerator = Accelerator()
    prepared = prepare(model, data, recipe)
    training, chosen = prepared.training, prepared.training.recipe
    rank, processes = accelerator.process_index, accelerator.num_processes
    batches = Batches(len(training.dataset), chosen.batch_size, chosen.seed, rank, processes)
    loader, steps = make_loader(training, batches), chosen.epochs * batches.steps
    network = prepared.network()
    optimizer = torch.optim.AdamW(
        [{**group, "names": None} for group in parameter_groups(network, chosen.lr, chosen.weight_decay)]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate(min(step, steps - 1), steps))
    average = ExponentialMovingAverage(network.to(accelerator.device), chosen.ema_decay)
    network, optimizer = accelerator.prepare(network, optimizer)
    for _ in range(chosen.epochs):
        network.train()
        for batch in loader:
            losses = training.loss(network, batch.to(accelerator.device))
            accelerator.backward(torch.stack(list(losses.values())).sum())
            accelerator.clip_grad_norm_(network.parameters(), chosen.clip_gradients)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            average.update(accelerator.unwrap_model(network))
    if not accelerator.is_main_process:
        return {}
    trained = average.module.cpu()
    save_model(trained, output, categories=prepared.categories, preset=training.preset)
    return prepared.validation()(trained)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("output")
    parser.add_argument("--model", default="resnet18")
    print(main(**vars(parser.parse_args())))
