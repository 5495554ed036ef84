"""What is known of the digit model's weights; no torch in here."""
