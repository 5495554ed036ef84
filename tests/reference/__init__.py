"""Reference data recorded from torchvision 0.28.0, and the synthetic parameters and inputs it was recorded with."""
