"""A tool's docstring as what its --help prints."""

from __future__ import annotations


def manual(docstring: str | None) -> str:
    """The text for click, in which a paragraph keeps its lines when it begins with backslash and b.

    Docstrings are raw for the backslashes of their examples; click wants the control character.
    """
    return (docstring or "").replace(r"\b", "\b")
