"""Train with Lightning's loop, on zoo's data, augmentations, schedule and moving average of the weights.

pip install zoo-training zoo-classification lightning
python examples/train_with_lightning.py my-photos/ my-model/ --model resnet18
"""

import argparse
from typing import Any

import lightning
import torch

from zoo_core import save_model
from zoo_core.tuning import ExponentialMovingAverage, parameter_groups
from zoo_training import Batch, Batches, Prepared, learning_rate, make_loader, prepare


class Lit(lightning.LightningModule):  # type: ignore[misc] # it is not typed
    """What zoo has prepared, as Lightning calls it."""

    def __init__(self, prepared: Prepared) -> None:
        super().__init__()
        self.training_of_task, self.recipe = prepared.training, prepared.training.recipe
        self.network = prepared.network()
        self.average = ExponentialMovingAverage(self.network, self.recipe.ema_decay)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, _loader: int) -> Batch:
        """Move a batch."""
        return batch.to(device)

    def training_step(self, batch: Batch, _number: int) -> torch.Tensor:
        """Return the sum of the task's losses."""
        return torch.stack(list(self.training_of_task.loss(self.network, batch).values())).sum()

    def on_train_batch_end(self, *_arguments: Any) -> None:
        """Take the step into the average."""
        self.average.update(self.network)

    def configure_optimizers(self) -> Any:
        """Return the optimiser, and the learning rate of each step."""
        groups = parameter_groups(self.network, self.recipe.lr, self.recipe.weight_decay)
        optimizer = torch.optim.AdamW([{**group, "names": None} for group in groups])
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate(min(step, steps - 1), steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def main(data: str, output: str, *, model: str = "resnet18", **recipe: Any) -> dict[str, float]:
    """Train, save the average, and return what it reaches."""
    prepared = prepare(model, data, recipe)
    module, chosen = Lit(prepared), prepared.training.recipe
    loader = make_loader(prepared.training, Batches(len(prepared.training.dataset), chosen.batch_size, chosen.seed))
    trainer = lightning.Trainer(
        max_epochs=chosen.epochs, gradient_clip_val=chosen.clip_gradients, accelerator="auto", devices=1,
        logger=False, enable_checkpointing=False,
    )  # fmt: skip
    trainer.fit(module, loader)
    network = module.average.module.cpu()
    save_model(network, output, categories=prepared.categories, preset=prepared.training.preset)
    return prepared.validation()(network)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("output")
    parser.add_argument("--model", default="resnet18")
    print(main(**vars(parser.parse_args())))
