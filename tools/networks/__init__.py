"""Networks read from whatever file they are in, and brought into one form."""
