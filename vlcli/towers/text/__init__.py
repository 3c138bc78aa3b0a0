"""Text encoders by name: one file per library, one shape in which all of them are used."""
