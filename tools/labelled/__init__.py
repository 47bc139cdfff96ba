"""Labelled faces, from the layouts that people have them in."""
