"""Control routes under ``/_sandbox/``: the Python handles as JSON, for a sandbox that runs in another process.

``GET /_sandbox/`` lists them; ``routes`` has the list. A POST needs ``content-type: application/json``, even without a
body. Who is answered is for ``guard`` to say.
"""
