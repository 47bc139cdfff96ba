"""`python -m edgeemo`, the same as the `edgeemo` command."""

from edgeemo.cli import main

main()
