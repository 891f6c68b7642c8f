"""What pyproject.toml cannot say: a package has templates and static files within `dashboard`, where Django finds them by itself."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["dashboard*", "upgrades*"]),
        "dashboard.templates",
        "dashboard.static",
        "dashboard.feed_modules",
    ],
    package_dir={
        "dashboard.templates": "templates",
        "dashboard.static": "static",
        "dashboard.feed_modules": "clients/js",
    },
    package_data={
        "upgrades.core.azure_types": ["types.json"],
        "upgrades.core.catalogue": ["*.json"],
        "upgrades.providers.hosts": ["guest.sh"],
        "upgrades.providers.hosts.guest_image": ["scripts/*.sh"],
        "dashboard": ["locale/*/LC_MESSAGES/*", "feed_documents/*.json"],
        "dashboard.feed_modules": ["*.js"],
        "dashboard.templates": ["**/*.html"],
        "dashboard.static": ["**/*.*"],
    },
)
