"""What a page may load. Imports no Django: files are served by it before anything of Django is loaded."""

# No inline scripts and styles, nothing from elsewhere. To a browser 'self' covers the feed's socket on our own host too.
POLICY = "default-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
