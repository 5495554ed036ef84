"""The boxes of a detector: where they start, how they are coded, matched with true ones, drawn, and learned."""
