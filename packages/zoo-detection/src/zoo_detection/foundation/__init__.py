"""What everything else stands on: precision, what is recorded by torch.export, and how layers begin."""
