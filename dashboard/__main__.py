"""`python -m dashboard`: the same as `manage.py` and `rollgrid`, for the children of `up`."""

from dashboard.command_line import main

main()
