"""The published weights: names in Python, the facts of each in the JSON file beside it. No torch in here."""
