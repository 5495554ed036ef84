"""The loop: steps, validations and checkpoints. Stopped at any moment, it goes on as if it had not been."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo_core.errors import CheckpointError
from zoo_core.tuning import ExponentialMovingAverage, train_unfrozen

from ._batch_norm import new_batch_norms, put_back, set_momentum, synchronize
from ._blame import TrainingError, blame
from ._checkpoint import read_checkpoint, write_checkpoint
from ._identity import require_same
from ._interrupts import Interrupts
from ._journal import Journal
from ._loader import Batches, make_loader, timed
from ._optimization import make_optimizer, set_rate
from ._precision import autocast, lay_out
from ._processes import Processes
from ._randomness import seed_of
from ._schedule import learning_rate
from ._training import Batch, Training

CHECKPOINT_SECONDS = 120.0
"""A checkpoint is written after so long, beside those at the end of epochs."""

CHECKPOINT_SHARE = 0.05
"""Of the time, at most, goes into checkpoints."""

Validate = Callable[[nn.Module], dict[str, float]]
"""Measures a network; the first number tells which is best, unless the training names another one.

Called in all processes, it returns the same in all.
"""


@dataclass
class Progress:
    """Where a run is.

    Args:
        epoch: How many epochs are done.
        step: How many steps of the next one are done.
        best: The best validation's first number, if there was one.
        best_epoch: After which epoch that was.
        losses: Sums of the losses of the epoch that is going on.
    """

    epoch: int = 0
    step: int = 0
    best: float | None = None
    best_epoch: int = 0
    losses: dict[str, float] = field(default_factory=dict)


class InterruptError(KeyboardInterrupt):
    """Training was asked to stop, and did, with a checkpoint. The text says where, and how to go on."""


class Engine:
    """Trains a network.

    Args:
        model: The network; it is changed.
        training: What the task says.
        folder: For checkpoints and the journal.
        validate: Called after each epoch with the network that would be kept.
        device: Where to train.
        workers: Processes that read samples ahead.
        identity: What a checkpoint must have been made with to be gone on from: recipe, data, model.
        report: Called with a line for people after each epoch.
        processes: Those that train together. The first of them writes.
    """

    def __init__(
        self,
        model: nn.Module,
        training: Training[Any],
        folder: Path,
        validate: Validate,
        *,
        device: torch.device,
        workers: int,
        identity: Mapping[str, Any],
        report: Callable[[dict[str, Any]], None] = lambda row: None,
        processes: Processes | None = None,
    ) -> None:
        recipe = training.recipe
        self.model, self.training, self.recipe = model.to(device), training, recipe
        self._folder, self._validate, self._device, self._report = folder, validate, device, report
        self._identity, self._processes = dict(identity), processes or Processes()
        lay_out(self.model)
        self._processes.copy_from_first([*self.model.parameters(), *self.model.buffers()])
        self._optimizer = make_optimizer(self.model, recipe)
        self._trained = [each for group in self._optimizer.param_groups for each in group["params"]]
        self._momenta = new_batch_norms(self.model)
        self._average = ExponentialMovingAverage(self.model, recipe.ema_decay) if recipe.ema_decay else None
        self._batches = Batches(
            len(training.dataset),
            recipe.batch_size,
            recipe.seed,
            self._processes.rank,
            self._processes.count,
            unit=2 if recipe.mixup or recipe.cutmix else 1,
        )
        self._loader = make_loader(training, self._batches, workers)
        self._best: dict[str, Tensor] = {}
        self._rows: list[dict[str, Any]] = []
        self._saved, self._cost, self._is_restored = -math.inf, 0.0, False
        self._interrupts = Interrupts(waits=self._processes.count > 1)
        self.progress = Progress()

    @property
    def kept(self) -> nn.Module:
        """The network that would be kept if training ended now."""
        return self.model if self._average is None else self._average.module

    def run(self) -> Journal:
        """Train to the end, or to where there is no more progress; afterwards `model` is the best network.

        Raises:
            TrainingError: A loss is not a number, or a process that reads samples has gone.
            DatasetError: A sample cannot be read.
            ValueError: The checkpoint is of another run.
            OSError: There is no room for a checkpoint; the one before stays.
            InterruptError: It was asked to stop.
        """
        self.restore()
        journal = Journal(self._folder if self._processes.is_first else None, self._rows)
        replaced = synchronize(self.model) if self._processes.count > 1 else {}
        try:
            with self._interrupts:
                self._epochs(journal)
        except KeyboardInterrupt as error:
            if self._interrupts.tore:
                raise
            raise self._stopped() from error
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise TrainingError(
                f"A process that reads samples has gone ({str(error).splitlines()[0]}); there may be too little memory "
                "for so many. With fewer --workers, --resume goes on from the last checkpoint."
            ) from error
        finally:
            self._loader.close()
            put_back(self.model, replaced)
            set_momentum(self.model, self._momenta, None)
        self.model.load_state_dict(self._best)
        self.model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload] # torch's stub lacks it alone
        return journal

    def _epochs(self, journal: Journal) -> None:
        while self.progress.epoch < self.recipe.epochs and not self._has_stalled():
            seconds, waited = self._epoch()
            started = time.perf_counter()
            measured = self._validate(self.kept)
            with self._interrupts.finishing():
                row = self._row(measured, seconds, waited, time.perf_counter() - started)
                self._compare(measured)
                self.progress = Progress(self.progress.epoch + 1, 0, self.progress.best, self.progress.best_epoch)
                journal.add(row)
                self._rows = journal.rows
                is_last = self.progress.epoch == self.recipe.epochs or self._has_stalled()
                if is_last or self._is_due(0.0):
                    self._save()
            if self._processes.is_first:
                self._report(row)
            self._stop_if_asked(any(self._processes.of_all(self._interrupts.asked)))

    def _epoch(self) -> tuple[float, float]:
        """Take the steps of one epoch that are left; return the seconds that they took, and those that were waited."""
        started, waited = time.perf_counter(), 0.0
        if self._saved < 0:
            self._saved = started
        self._batches.begin(self.progress.epoch, self.progress.step)
        train_unfrozen(self.model)
        for batch, seconds in timed(self._loader):
            waited += seconds
            with self._interrupts.finishing():
                asked = self._step(batch)
                self.progress.step += 1
                if self._is_due(CHECKPOINT_SECONDS) and self.progress.step < self._batches.steps:
                    self._save()
            self._stop_if_asked(asked)
        return time.perf_counter() - started, waited

    def _step(self, batch: Batch) -> bool:
        """Take a step; return whether some process was asked to stop."""
        number = self.progress.epoch * self._batches.steps + self.progress.step
        total = self.recipe.epochs * self._batches.steps
        set_rate(self._optimizer, learning_rate(number, total, warmup=self.recipe.warmup, final=self.recipe.final_lr))
        set_momentum(self.model, self._momenta, number)
        rank = self._processes.rank
        torch.manual_seed(seed_of(self.recipe.seed, "step", number, *([rank] if rank else [])))
        with autocast(self.recipe.precision, self._device):
            losses = self.training.loss(self.model, batch.to(self._device))
            loss = torch.stack(list(losses.values())).sum()
        told, asked = self._agreed(losses, len(batch))
        if not all(map(math.isfinite, told.values())):
            raise self._not_a_number("loss", batch, told)
        if not math.isfinite(self._descend(loss * self._share(len(batch)))):
            raise self._not_a_number("gradient", batch, told)
        for name, value in told.items():
            self.progress.losses[name] = self.progress.losses.get(name, 0.0) + value
        return asked

    def _descend(self, loss: Tensor) -> float:
        """Change the weights, unless the norm of the gradients is not a number; return that."""
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call] # torch's
        self._processes.add_gradients(self._trained)
        norm = nn.utils.clip_grad_norm_(self._trained, self.recipe.clip_gradients or math.inf).item()
        if math.isfinite(norm):
            self._optimizer.step()
            if self._average is not None:
                self._average.update(self.model)
        return norm

    def _share(self, count: int) -> float:
        """Return the weight of this process's samples in a step: shares need not be of one size."""
        return 1.0 if self._processes.count == 1 else count / self._batches.batch_size

    def _agreed(self, losses: Mapping[str, Tensor], count: int) -> tuple[dict[str, float], bool]:
        """Return the mean losses over all processes, and whether one of these was asked to stop."""
        values = torch.stack([*(each.detach().float() for each in losses.values())])
        values = torch.cat([values * self._share(count), values.new_tensor([float(self._interrupts.asked)])])
        self._processes.add_up([values])
        *means, asked = values.tolist()
        return dict(zip(losses, means, strict=True)), self._processes.count > 1 and asked > 0

    def _not_a_number(self, what: str, batch: Batch, losses: Mapping[str, float]) -> TrainingError:
        """Return the error, which names the samples at fault of all processes."""
        found = self._processes.of_all(blame(self.training, self.model, batch.to(self._device)))
        names = [name for each, is_certain in found for name in each if is_certain]
        names = names or [name for each, _ in found for name in each]
        told = ", ".join(f"{name} {value:g}" for name, value in losses.items())
        return TrainingError(
            f"The {what} is not a number in epoch {self.progress.epoch + 1}, step {self.progress.step + 1} ({told}), "
            f'with the samples {", ".join(names[:8])}. A smaller lr may help, or precision = "float32".'
        )

    def _row(self, measured: Mapping[str, float], seconds: float, waited: float, validation: float) -> dict[str, Any]:
        steps = self._batches.steps
        return {
            "epoch": self.progress.epoch + 1,
            "losses": {name: total / steps for name, total in self.progress.losses.items()},
            "lr": max(group["lr"] for group in self._optimizer.param_groups),
            "metrics": dict(measured),
            "seconds": {
                "training": round(seconds, 3),
                "waiting": round(waited, 3),
                "validation": round(validation, 3),
            },
        }

    def _compare(self, measured: Mapping[str, float]) -> None:
        """Keep the network if it is the best so far."""
        first = measured.get(self.training.decides, next(iter(measured.values())))
        sign = 1 if self.training.better == "higher" else -1
        best = self.progress.best
        if best is None or sign * first > sign * best or (math.isnan(best) and not math.isnan(first)):
            self.progress.best, self.progress.best_epoch = first, self.progress.epoch + 1
            self._best = {name: value.detach().clone() for name, value in self.kept.state_dict().items()}

    def _has_stalled(self) -> bool:
        patience = self.recipe.patience
        return bool(patience) and self.progress.epoch - self.progress.best_epoch >= patience

    def _is_due(self, seconds: float) -> bool:
        """Tell whether a checkpoint is worth its time, when one was written at least so many seconds ago."""
        return time.perf_counter() - self._saved >= max(seconds, self._cost / CHECKPOINT_SHARE)

    def _stop_if_asked(self, asked: bool) -> None:
        if asked:
            raise KeyboardInterrupt

    def _stopped(self) -> InterruptError:
        """Write a checkpoint, and return what to say."""
        self._save()
        return InterruptError(
            f"Stopped in epoch {self.progress.epoch + 1} of {self.recipe.epochs}, after step {self.progress.step} of "
            f"{self._batches.steps}. The same command with --resume goes on from there."
        )

    def _save(self) -> None:
        started = time.perf_counter()
        if self._processes.is_first:
            write_checkpoint(
                self._folder,
                {
                    "identity": self._identity,
                    "progress": vars(self.progress),
                    "rows": self._rows,
                    "model": self.model.state_dict(),
                    "average": None if self._average is None else self._average.module.state_dict(),
                    "updates": 0 if self._average is None else self._average.updates,
                    "optimizer": self._optimizer.state_dict(),
                    "best": self._best,
                },
            )
        self._saved = time.perf_counter()
        self._cost = self._saved - started

    def restore(self) -> None:
        """Take up the checkpoint in the folder, if there is one.

        Raises:
            ValueError: It is of another run; the text says what differs.
            CheckpointError: It cannot be read.
        """
        if self._is_restored:
            return
        self._is_restored = True
        state = self._processes.from_first(read_checkpoint(self._folder) if self._processes.is_first else None)
        if state is None:
            return
        require_same(self._folder, state.get("identity", {}), self._identity)
        try:
            self._take_up(state)
        except (KeyError, TypeError, RuntimeError, ValueError) as error:
            raise CheckpointError(f"The checkpoint in {self._folder} does not fit: {error}.") from error

    def _take_up(self, state: dict[str, Any]) -> None:
        self.progress, self._rows = Progress(**state["progress"]), state["rows"]
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._best = state["best"]
        if self._average is not None:
            self._average.module.load_state_dict(state["average"])
            self._average.updates = state["updates"]
