"""Faces: `python -m mailgate`, the same as the program `mailgate`."""

from mailgate.cli import main

main()
