"""`python -m artlives`."""

from artlives.cli import main

main()
