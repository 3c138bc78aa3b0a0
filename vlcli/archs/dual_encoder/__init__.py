"""Two encoders, one of pictures and one of texts, whose vectors are brought together (ITRA)."""
