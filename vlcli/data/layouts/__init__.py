"""Stored features as they lie on a disk: one module a layout, and one shape of record for all."""
