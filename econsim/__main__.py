"""``python -m econsim``: the command line."""

from econsim.cli import main

main()
