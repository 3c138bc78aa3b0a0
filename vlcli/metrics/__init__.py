"""From predictions to numbers, with the published evaluation programs as the measure."""
