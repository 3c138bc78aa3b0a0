"""The run spec: read, checked and resolved without importing anything heavy."""
