"""The architectures, one folder each; `spec`, `rules` and `presets` inside import nothing heavy."""
