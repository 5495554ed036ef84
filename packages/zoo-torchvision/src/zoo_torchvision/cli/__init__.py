"""The command `zoo migrate`."""
