"""The keypoints of objects."""
