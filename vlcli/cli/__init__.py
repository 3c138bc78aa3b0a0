"""The commands, one file each; heavy imports stay inside their bodies."""
