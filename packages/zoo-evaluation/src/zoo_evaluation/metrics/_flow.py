"""How far a flow is from the true one."""

import numpy as np
from numpy.typing import NDArray

OUTLIER_PIXELS = 3.0
OUTLIER_SHARE = 0.05
"""A pixel is an outlier if it is wrong by more than both: so many pixels, and such a share of the true flow."""


def end_point_errors(
    flow: NDArray[np.floating], target: NDArray[np.floating], valid: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Return the distances between where pixels go and where they should.

    Args:
        flow: `(2, H, W)`, to the right and downwards, in pixels.
        target: The true flow, of the same shape.
        valid: Booleans `(H, W)`: the pixels whose true flow is known. `None` for all.

    Returns:
        Of the valid pixels, one after the other, `(N,)`, in pixels.

    Raises:
        ValueError: The shapes do not match.

    Example:
        >>> import numpy as np
        >>> from zoo_evaluation.metrics import end_point_errors
        >>> end_point_errors(np.zeros((2, 1, 2)), np.array([[[3.0, 0.0]], [[4.0, 1.0]]])).tolist()
        [5.0, 1.0]
    """
    return np.hypot(*(_valid(flow, target, valid) - _valid(target, target, valid)))  # type: ignore[no-any-return]


def end_point_error(
    flow: NDArray[np.floating], target: NDArray[np.floating], valid: NDArray[np.bool_] | None = None
) -> float:
    """Return the mean distance between where pixels go and where they should, in pixels; NaN where none is valid.

    Arguments and errors are those of `end_point_errors`.

    Example:
        >>> import numpy as np
        >>> from zoo_evaluation.metrics import end_point_error
        >>> end_point_error(np.zeros((2, 1, 2)), np.array([[[3.0, 0.0]], [[4.0, 1.0]]]))
        3.0
    """
    errors = end_point_errors(flow, target, valid)
    return float(errors.mean()) if errors.size else float("nan")


def outliers(
    flow: NDArray[np.floating], target: NDArray[np.floating], valid: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Tell which pixels are wrong by more than 3 pixels and by more than 5 % of the true flow.

    Moritz Menze, Andreas Geiger: Object Scene Flow for Autonomous Vehicles, 2015, the KITTI benchmark.

    Arguments and errors are those of `end_point_errors`.

    Returns:
        Of the valid pixels, one after the other, booleans `(N,)`.

    Example:
        >>> import numpy as np
        >>> from zoo_evaluation.metrics import outliers
        >>> outliers(np.zeros((2, 1, 2)), np.array([[[3.0, 0.0]], [[4.0, 1.0]]])).tolist()
        [True, False]
    """
    errors = end_point_errors(flow, target, valid)
    lengths = np.hypot(*_valid(target, target, valid))
    found: NDArray[np.bool_] = (errors > OUTLIER_PIXELS) & (errors > OUTLIER_SHARE * lengths)
    return found


def outlier_rate(
    flow: NDArray[np.floating], target: NDArray[np.floating], valid: NDArray[np.bool_] | None = None
) -> float:
    """Return the share of pixels that are `outliers`, "Fl-all", in per cent; NaN where none is valid.

    Arguments and errors are those of `end_point_errors`.

    Example:
        >>> import numpy as np
        >>> from zoo_evaluation.metrics import outlier_rate
        >>> outlier_rate(np.zeros((2, 1, 2)), np.array([[[3.0, 0.0]], [[4.0, 1.0]]]))
        50.0
    """
    found = outliers(flow, target, valid)
    return 100 * float(found.mean()) if found.size else float("nan")


def _valid(
    flow: NDArray[np.floating], target: NDArray[np.floating], valid: NDArray[np.bool_] | None
) -> NDArray[np.float64]:
    """Return the flow of valid pixels, `(2, N)`."""
    if flow.shape != target.shape or flow.ndim != 3 or flow.shape[0] != 2:
        raise ValueError(f"Both flows should have the same shape (2, H, W), found {flow.shape} and {target.shape}.")
    if valid is not None and (valid.shape != flow.shape[1:] or valid.dtype != np.bool_):
        raise ValueError(
            f"valid should be booleans of shape {flow.shape[1:]}, found {valid.dtype} of shape {valid.shape}."
        )
    wide = flow.astype(np.float64)
    return wide.reshape(2, -1) if valid is None else wide[:, valid]
