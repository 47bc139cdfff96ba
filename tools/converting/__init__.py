"""From a float network to a checked int8 model."""
