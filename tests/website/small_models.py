"""The models whose pages are tried."""

SMALL = {
    "classification": "shufflenet_v2_x0_5_digits",
    "quantization": "quantized_shufflenet_v2_x0_5",
    "detection": "ssdlite320_mobilenet_v3_large",
    "segmentation": "lraspp_mobilenet_v3_large",
    "video": "mc3_18",
    "optical_flow": "raft_small",
}
"""A model of each task that is quickly built."""
