"""The argument groups, one file each; a spec class is made of those its architecture reads."""
