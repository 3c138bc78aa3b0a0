"""The tuning methods, one file each, and what trains beside them."""
