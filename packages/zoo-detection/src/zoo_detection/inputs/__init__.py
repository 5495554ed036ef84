"""What detectors are given: images of different sizes as one batch, and targets to train with."""
