"""What a command does: the parts of a run put together. No decisions of their own."""
