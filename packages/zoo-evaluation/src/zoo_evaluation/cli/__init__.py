"""Commands that this package brings to `zoo`."""
