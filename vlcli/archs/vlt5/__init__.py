"""VL-T5 and VL-BART: a joint encoder of text and visual tokens, and a decoder that answers."""
