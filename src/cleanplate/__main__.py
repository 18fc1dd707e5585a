"""`python -m cleanplate` is the command line."""

from cleanplate.cli import main

main()
