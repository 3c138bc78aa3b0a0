"""The arguments of two encoders that are aligned, by group; names are those of ITRA."""
