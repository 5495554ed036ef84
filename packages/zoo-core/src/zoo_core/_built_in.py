"""The project's own packages."""

BUILT_IN = (
    "zoo_classification",
    "zoo_classification.quantization",
    "zoo_segmentation",
    "zoo_detection",
    "zoo_video",
    "zoo_flow",
)
"""The public modules of the project's own packages, whether installed here or not."""
