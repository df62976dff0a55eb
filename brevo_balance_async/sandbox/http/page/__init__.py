"""The page at ``/_sandbox/``: what the sandbox holds, as HTML for a browser. A short script posts its forms as JSON."""
