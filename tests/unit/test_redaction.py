"""Keys in every spelling: none survives, neither in the bytes nor in anything that is read from them."""

from __future__ import annotations

import html
import json
import pickle
from urllib.parse import quote

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from brevo_balance_async.config import HeaderSecret
from brevo_balance_async.core.answers import read, refusal, request_id
from brevo_balance_async.core.protocol import Endpoint, Replay, Response
from brevo_balance_async.core.redaction import forget_secrets, without_secrets
from brevo_balance_async.errors import BalanceError
from brevo_balance_async.models import Transaction

KEY = "xkeysib-5f1d/CANARY+0=\"\\'&%<~>Zz9"
ENDPOINT = Endpoint("transactions.get", "GET", "/loyalty/x", Replay.READ, Transaction)


def cleared(answer, secrets):
    return without_secrets(evolve(answer, secrets=secrets))


def escaped(text):
    return "".join(f"\\u{ord(c):04x}" for c in text)


SPELLINGS = {
    "as it is": str,
    "JSON": lambda key: json.dumps(key)[1:-1],
    "JSON with slashes escaped": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "JSON escapes": escaped,
    "JSON escapes, capitals": lambda key: "".join(f"\\u{ord(c):04X}" for c in key),
    "JSON in JSON": lambda key: json.dumps(json.dumps(key))[3:-3],
    "JSON escapes in JSON": lambda key: json.dumps(escaped(key))[1:-1],
    "percent": lambda key: "".join(f"%{ord(c):02x}" for c in key),
    "percent, what must be": lambda key: quote(key, safe=""),
    "percent twice": lambda key: quote(quote(key, safe=""), safe=""),
    "percent of JSON escapes": lambda key: quote(escaped(key), safe=""),
    "JSON escapes of percent": lambda key: escaped(quote(key, safe="")),
    "HTML hexadecimal": lambda key: "".join(f"&#x{ord(c):x};" for c in key),
    "HTML hexadecimal, padded": lambda key: "".join(f"&#X{ord(c):04X};" for c in key),
    "HTML decimal": lambda key: "".join(f"&#{ord(c)};" for c in key),
    "HTML twice": lambda key: html.escape("".join(f"&#{ord(c)};" for c in key)),
    "Python's repr": lambda key: "".join(f"\\x{ord(c):02x}" for c in key),
    "every other one": lambda key: "".join(f"\\u{ord(c):04x}" if at % 2 else c for at, c in enumerate(key)),
}


def response(body, status=400, headers=None):
    return Response(status, CIMultiDictProxy(CIMultiDict(headers or {})), body)


def shows(error):
    return "\n".join(
        [
            str(error),
            repr(error),
            repr(vars(error)),
            repr(pickle.dumps(error)),
            *map(str, vars(error).values()),
        ]
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_a_key_survives_in_an_error(spelling, encoding):
    spelled = SPELLINGS[spelling](KEY)
    for body in (
        f'{{"code": "a {spelled}", "message": "bad key {spelled}, {spelled}"}}',
        f"<html>bad key {spelled}</html>",
        f"{spelled}",
    ):
        cleaned = cleared(response(body.encode(encoding)), (HeaderSecret(KEY),))
        error = refusal(cleaned)
        for text in (cleaned.body.decode("latin-1"), shows(error)):
            plain = html.unescape(text.replace("\0", "").replace("\\", ""))
            assert "CANARY" not in plain
            assert quote("5f1d/CANARY", safe="") not in plain
            assert SPELLINGS[spelling]("CANARY") not in text


PLAIN = (
    "as it is",
    "JSON",
    "JSON with slashes escaped",
    "JSON escapes",
    "every other one",
    "percent",
    "HTML decimal",
)


@pytest.mark.parametrize("spelling", PLAIN)
def test_what_stands_around_it_can_still_be_read(spelling):
    key = "xkeysib-5f1d/CANARY+0=Zz9"
    body = f'{{"code": "refused", "message": "the key {SPELLINGS[spelling](key)} is \\u00fcbel"}}'.encode()
    error = refusal(cleared(response(body), (HeaderSecret(f"Bearer {key}"),)))
    assert (error.code, error.message) == ("refused", "the key [key] is übel")


@pytest.mark.parametrize("spelling", PLAIN)
def test_nor_in_a_model(spelling):
    key = "xkeysib-5f1d/CANARY+0=Zz9"
    spelled = SPELLINGS[spelling](key)
    body = f'{{"id": "1", "meta": {{"a": ["{spelled}"]}}, "news": {{"{spelled}": 1}}, "rejectReason": "{spelled}"}}'
    answer = response(body.encode(), 200, {"X-Request-Id": spelled})
    cleaned = cleared(answer, (HeaderSecret(key),))
    found = read(ENDPOINT, cleaned)
    assert (found.id, found.reject_reason, found.meta) == ("1", "[key]", {"a": ["[key]"]})
    assert found.extra == {"news": {"[key]": 1}}
    assert request_id(cleaned) == "[key]"


@pytest.mark.parametrize("status", [200, 204, 302, 404, 500])
def test_headers_too_the_same_one_twice_as_well(status):
    headers = CIMultiDict(
        [("X-Request-ID", f"a {KEY}"), ("Location", quote(KEY)), ("X-Echo", "b"), ("X-Echo", KEY)]
    )
    cleaned = cleared(Response(status, CIMultiDictProxy(headers), b""), (HeaderSecret(KEY),))
    assert request_id(cleaned) == "a [key]"
    if status >= 300:  # of a success nobody gets to see more
        assert dict(cleaned.headers) == {"x-request-id": "a [key]", "location": "[key]", "x-echo": "[key]"}


@pytest.mark.parametrize("secret", ["Bearer {}", "bearer {}", "Basic {}", "{}", "Token  {}"])
def test_the_scheme_before_a_key_is_none_of_it(secret):
    cleaned = cleared(response(KEY.encode()), (HeaderSecret(secret.format(KEY)),))
    assert cleaned.body == b"[key]"


def test_what_repeats_no_key_stays_as_it_is():
    for body in (b"", b'{"a": "\\u0078 \\/ 100% &#65; \\u00e9"}', "ü\0".encode("utf-16"), b"\xff\xfe\x00"):
        answer = response(body, 500, {"x-request-id": "%41 \udcff"})
        same = cleared(answer, (HeaderSecret(KEY), HeaderSecret("short")))
        assert same.body is body
        assert dict(same.headers) == {"x-request-id": "%41 \udcff"}


@given(
    st.lists(st.sampled_from([*SPELLINGS.values()]), min_size=len(KEY), max_size=len(KEY)),
    st.binary(max_size=9),
)
def test_any_mixture_of_spellings(spellers, around):
    spelled = "".join(speller(c) for speller, c in zip(spellers, KEY, strict=True)).encode()
    body = cleared(response(around + spelled + around), (HeaderSecret(KEY),)).body
    assert b"[key]" in body
    assert spelled not in body


@pytest.mark.parametrize("run", [b"\\", b"\\u00", b"%25", b"&amp;", b"&#x0", b"\0"])
def test_a_hostile_answer_takes_no_time(run):
    # A million bytes: anything quadratic would run into the time limit of the test.
    for body in (run * 200_000, KEY.encode() + run * 200_000 + KEY.encode()):
        assert KEY.encode() not in cleared(response(body), (HeaderSecret(KEY),)).body


def test_a_foreign_error_forgets_what_it_quotes():
    handled = ValueError(KEY)
    inner = RuntimeError(f"bad line b'{KEY}'")
    inner.line, inner.__context__ = KEY.encode(), handled
    outer = OSError(5, f"no HTTP: {escaped(KEY)}")
    outer.message, outer.number, outer.__cause__ = f"told {KEY}", 7, inner
    forget_secrets(outer, handled, (HeaderSecret(KEY),))
    assert outer.args == (5, "no HTTP: [key]")
    assert vars(outer) == {"message": "told [key]", "number": 7}
    assert inner.args == ("bad line b'[key]'",)
    assert inner.line == b"[key]"
    assert handled.args == (KEY,)


# Text that UTF-8 cannot carry ------------------------------------------------------------------------------------

HALF = "\ud83d alone"


@pytest.mark.parametrize("status", [302, 400, 401, 404, 422, 429, 500, 503])
def test_half_a_surrogate_pair_in_an_answer_can_be_written_out(status):
    body = json.dumps({"code": HALF, "message": HALF, "error": HALF}).encode()
    error = refusal(response(body, status, {"x-request-id": "raw \udcff byte", "x-odd": "\udcfe"}))
    for text in (
        str(error),
        error.message,
        error.code,
        error.request_id,
        error.body,
        *error.headers.values(),
    ):
        assert text.encode()
    if status != 302:
        assert "\\ud83d alone" in error.message
    assert (error.code, error.request_id) == ("\\ud83d alone", "raw \\udcff byte")
    pickle.dumps(error)


@pytest.mark.parametrize(
    "body", [b'{"message": "\xed\xa0\x80"}', b'{"message": "\xff\xfe"}', b"\xff" * 9, b""]
)
def test_raw_bytes_in_a_body_can_be_written_out(body):
    assert str(refusal(response(body))).encode()


def test_the_text_of_every_error_can_be_written_out():
    assert str(BalanceError(HALF)) == str(pickle.loads(pickle.dumps(BalanceError(HALF)))) == "\\ud83d alone"
    answer = response(json.dumps({"id": {"a": HALF}, "status": HALF}).encode(), 200, {"cf-ray": "\udcff"})
    with pytest.raises(BalanceError) as caught:
        read(ENDPOINT, answer)
    assert str(caught.value).encode()
    assert caught.value.request_id == "\\udcff"
