"""Which devices there are, and what to say of one that there is not."""

import re
import warnings
from typing import TYPE_CHECKING

from zoo_core.names import Later

if TYPE_CHECKING:
    import torch
else:
    torch = Later("torch")

_FORM = re.compile(r"[a-z]\w*(:\d{1,3})?", re.ASCII)


def check_device_name(name: object) -> None:
    """Check the form of a device's name, without torch.

    Raises:
        ValueError: No device is called so anywhere.

    Example:
        >>> from zoo_core.prediction._devices import check_device_name
        >>> check_device_name("cuda:1")
    """
    if not _FORM.fullmatch(str(name)):
        raise ValueError(f"Devices are named as by torch, such as cpu, cuda, cuda:1 or mps: found {str(name)!r}.")
    kind, _, index = str(name).partition(":")
    if kind == "cpu" and int(index or 0) > 0:
        raise ValueError(f"The processor, all cores of it, is the one device cpu: found {str(name)!r}.")


def available_devices() -> tuple[str, ...]:
    """Return the names of the devices that models can run on here; the processor is the first.

    Example:
        >>> from zoo_core.prediction import available_devices
        >>> available_devices()[0]
        'cpu'
    """
    kinds = dict.fromkeys(["cuda", "mps", "xpu", *_accelerators()])
    counts = {kind: _count(kind) for kind in kinds}
    many = (f"{kind}:{index}" if count > 1 else kind for kind, count in counts.items() for index in range(count))
    return ("cpu", *many)


def find_device(name: "str | torch.device") -> "torch.device":
    """Return a device that is there.

    Args:
        name: As torch names devices.

    Raises:
        ValueError: Torch knows no device of that kind.
        RuntimeError: There is none here. Both texts say which there are.

    Example:
        >>> from zoo_core.prediction import find_device
        >>> find_device("cpu")
        device(type='cpu')
    """
    import torch

    check_device_name(name)
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"Torch knows no device {str(name)!r}: {_here()}.") from None
    if device.type != "cpu" and (device.index or 0) >= _count(device.type):
        raise RuntimeError(f"There is no device {str(name)!r} here: {_here()}.{_reason(device.type)}")
    return device


def _here() -> str:
    return f"this machine has {', '.join(available_devices())}"


def _accelerators() -> list[str]:
    """Return the kind of the accelerator that this build of torch is for, where there is one."""
    import torch

    try:
        accelerator = torch.accelerator.current_accelerator()
    except RuntimeError:  # what older versions say that have none
        return []
    return [accelerator.type] if accelerator else []


def _count(kind: str) -> int:
    """Return how many devices of a kind can be used; where its driver is broken, none."""
    import torch

    if kind == "mps":
        return int(torch.backends.mps.is_available())
    with warnings.catch_warnings():  # of drivers that are too old
        warnings.simplefilter("ignore")
        try:
            module = torch.get_device_module(kind)
            return int(module.device_count()) if module.is_available() else 0
        except (RuntimeError, AttributeError):  # a kind that this build of torch has no module for
            return 0


def _reason(kind: str) -> str:
    import torch

    if kind == "cuda" and torch.version.cuda is None and torch.version.hip is None:
        return f" The torch that is installed, {torch.__version__}, was built without CUDA."
    return ""
