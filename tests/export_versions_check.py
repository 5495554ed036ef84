"""Exports a model of each kind with the PyTorch that is here; `nox -s matrix` makes a table of it for docs/export.md.

python tests/export_versions_check.py       prints a line of JSON each: the model, the format, and yes or the reason
"""

import json

from export_table_check import in_process

MODELS = (
    "shufflenet_v2_x0_5",
    "swin_t",
    "quantized_shufflenet_v2_x0_5",
    "lraspp_mobilenet_v3_large",
    "ssdlite320_mobilenet_v3_large",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "s3d",
    "raft_small",
)
"""Convolutions, attention, int8, label maps, detectors of one stage and of two, clips, flow."""
LONGEST = 1200
"""Seconds for one model in all formats."""

if __name__ == "__main__":
    for model in MODELS:
        for form, cell in in_process(model, LONGEST).items():
            print(json.dumps([model, form, "yes" if cell.startswith("yes") else cell]), flush=True)
