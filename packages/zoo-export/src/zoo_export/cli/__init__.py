"""The command `zoo export`."""
