"""Prints the public methods of an official SDK's balance API with their arguments, as JSON.

Runs in an environment with brevo-python 1.2.0 or 5.1.0, and nothing of ours.
"""

from __future__ import annotations

import inspect
import json
import re
from importlib.util import find_spec
from typing import Any, get_args


def methods(api: Any) -> list[str]:
    return [name for name in dir(api) if not name.startswith("_")]


Methods = dict[str, dict[str, Any]]


def of_version_1() -> Methods:
    """The signatures have only ``**kwargs``, so the source and the docstring are read. A body has members."""
    import brevo_python

    api = brevo_python.BalanceApi
    found: Methods = {}
    for method in methods(api):
        full = getattr(api, f"{method.removesuffix('_with_http_info')}_with_http_info")
        source, text = inspect.getsource(full), inspect.getdoc(full) or ""
        first = re.search(r"all_params = \[(.*?)\]", source, re.DOTALL)
        assert first is not None
        names = re.findall(r"'(\w+)'", first[1]) + re.findall(r"all_params.append\('(\w+)'\)", source)
        body = re.search(r":param (\w+) body:", text)
        if body is not None:
            names += [f"body.{name}" for name in getattr(brevo_python, body[1]).swagger_types]
        returns = re.search(r":return: (\w+)", text)
        found[method] = {"arguments": names, "returns": returns and returns[1]}
    return found


def of_version_5() -> Methods:
    """The arguments are in the signature; ``request_options`` has members."""
    from brevo import AsyncBrevo
    from brevo.core.request_options import RequestOptions

    api = AsyncBrevo(api_key="none").balance
    options = [f"request_options.{name}" for name in RequestOptions.__annotations__]
    found: Methods = {}
    for method in methods(api):
        call = getattr(api, method)
        if callable(call):
            signature = inspect.signature(call, eval_str=True)
            (returns,) = [
                each
                for each in get_args(signature.return_annotation) or (signature.return_annotation,)
                if each is not type(None)
            ]
            found[method] = {
                "arguments": [*signature.parameters, *options],
                "returns": getattr(returns, "__name__", "None"),
            }
        else:  # with_raw_response, which has the same methods
            assert set(methods(call)) == set(methods(api)) - {method}
    return found


if __name__ == "__main__":
    print(json.dumps(of_version_1() if find_spec("brevo_python") else of_version_5()))
