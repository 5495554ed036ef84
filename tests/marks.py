"""Marks that tests of several packages share."""

import pytest

SCRIPTING = pytest.mark.filterwarnings("ignore:`torch.jit")
"""Of what calls TorchScript, which PyTorch deprecates: with a DeprecationWarning, from 2.15 on a FutureWarning."""
