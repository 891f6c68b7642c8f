"""`make texts`: renews dashboard/locale/en, brings the other languages up to date with it, and compiles those that are complete.

With BEGIN=sv it also begins that language.
"""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")


def main() -> None:
    import django

    django.setup()
    from tests.texts import catalogues

    for line in catalogues.renew(begin=sys.argv[1:]):
        sys.stdout.write(f"{line}\n")


main()
