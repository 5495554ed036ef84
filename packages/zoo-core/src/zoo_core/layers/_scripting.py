"""Networks that TorchScript cannot compile."""

from typing import NoReturn


class NotScriptable:
    """Comes before `nn.Module` among the bases of a network that `torch.jit.script` cannot compile: it says so at once.

    Example:
        >>> from torch import nn
        >>> from zoo_core.layers import NotScriptable
        >>> class Network(NotScriptable, nn.Module): ...
        >>> Network().__prepare_scriptable__()
        Traceback (most recent call last):
        NotImplementedError: TorchScript cannot compile Network, and is deprecated: use torch.export.export
    """

    def __prepare_scriptable__(self) -> NoReturn:  # which torch.jit.script asks for what to compile
        raise NotImplementedError(
            f"TorchScript cannot compile {type(self).__name__}, and is deprecated: use torch.export.export"
        )
