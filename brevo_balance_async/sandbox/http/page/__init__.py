"""The page at ``/_sandbox/``: what the sandbox holds, for eyes. A few lines of script post its forms as JSON."""
