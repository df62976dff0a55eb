"""The OpenAPI document of what the sandbox serves, ``GET /_sandbox/openapi.json``; made when it is asked for."""
