"""What folders of the splits of a data set are called."""

TRAINING, VALIDATION, TEST = ("train", "training"), ("val", "valid", "validation"), ("test", "testing")
"""In lower case."""
SPLITS = {name: names[0] for names in (TRAINING, VALIDATION, TEST) for name in names}
"""What each of these names stands for."""
