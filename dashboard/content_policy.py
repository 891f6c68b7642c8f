"""The Content-Security-Policy of all answers. Imports no Django: static files are served with it before anything of Django is loaded."""

# No inline scripts and styles, nothing from other hosts. For browsers 'self' includes the feed's socket on our own host.
POLICY = "default-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
