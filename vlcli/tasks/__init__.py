"""One file per task: records into examples, predictions into scores."""
