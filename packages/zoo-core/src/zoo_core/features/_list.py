"""What a model's intermediate activations are called, and their shapes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from ._modules import modes_restored


def list_features(
    model: nn.Module, input_size: Sequence[int] | Sequence[Sequence[int]] = (1, 3, 224, 224)
) -> dict[str, tuple[int, ...]]:
    """List what `extract_features` can be asked for, with shapes.

    Nothing is computed: the model runs, in evaluation mode, on tensors that have shapes and no values. Afterwards it is
    as it was.

    Args:
        model: Any network.
        input_size: The shape of its input, or a sequence of shapes for several inputs.

    Returns:
        The path of every module that is called and returns a tensor, with the shape of that tensor; in the order in
        which they return first, so a module comes after those in it.

    Raises:
        Exception: The model refuses the input, for example because it is too small.

    Example:
        >>> from zoo_core.features import list_features
        >>> from zoo_classification import resnet18
        >>> shapes = list_features(resnet18(), (1, 3, 64, 64))
        >>> shapes["layer3"], list(shapes)[-1]
        ((1, 256, 4, 4), 'fc')
    """
    shapes: dict[str, tuple[int, ...]] = {}
    with modes_restored(model), _hooked(model, shapes), torch.no_grad():
        _run(model.eval(), _sizes(input_size))
    return shapes


def _sizes(input_size: Sequence[int] | Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Return one shape for each input."""
    if all(isinstance(size, int) for size in input_size):
        return [tuple(size for size in input_size if isinstance(size, int))]
    return [tuple(size) for size in input_size if not isinstance(size, int)]


def _run(model: nn.Module, sizes: Sequence[tuple[int, ...]]) -> None:
    """Run on meta tensors; on fake ones, which are slower, where the model has tensors that it has not registered."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    dtype = next((tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()), torch.get_default_dtype())
    on_meta = {name: tensor.to("meta") for name, tensor in tensors.items()}
    try:
        with torch.device("meta"):
            torch.func.functional_call(model, on_meta, tuple(torch.empty(size, dtype=dtype) for size in sizes))
    except Exception:  # noqa: BLE001 # if it is the model's own error, it comes again
        device = next((tensor.device for tensor in tensors.values()), torch.get_default_device())
        with FakeTensorMode(allow_non_fake_inputs=True):
            model(*(torch.empty(size, dtype=dtype, device=device) for size in sizes))


@contextmanager
def _hooked(model: nn.Module, shapes: dict[str, tuple[int, ...]]) -> Iterator[None]:
    """Inside, note the shape of what each module returns first."""

    def noting(name: str) -> Callable[[nn.Module, object, object], None]:
        def note(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor):
                shapes.setdefault(name, tuple(output.shape))

        return note

    handles = [module.register_forward_hook(noting(name)) for name, module in model.named_modules() if name]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
