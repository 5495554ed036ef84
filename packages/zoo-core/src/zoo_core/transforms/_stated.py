"""What is stated of an entry's preprocessing, where models and what they gave are described."""

from typing import Any

from zoo_core._weights import Preset, WeightsEnum


def preprocessing_of(member: WeightsEnum) -> dict[str, Any]:
    """Return the preset of an entry by name, with all its arguments."""
    preset = member.transforms
    if not isinstance(preset, Preset):
        return {"preset": getattr(preset, "__qualname__", repr(preset))}
    from ._presets import preset_arguments  # imports torch

    built = preset()
    return {"preset": type(built).__name__} | preset_arguments(built)
