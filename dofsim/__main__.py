"""``python -m dofsim`` is the command line."""

from dofsim.cli import start

start()
