"""The page for eyes: what it shows, that it escapes all it shows, and in a browser that its buttons work."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from brevo_balance_async.sandbox import effects
from brevo_balance_async.sandbox.http.page.html import Html, tag

from .browser import CHROMIUM, open_tab

EVIL = "<script>alert(1)</script>\"'&"
ACCEPT = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Reader(HTMLParser):
    """The elements that a browser would see, and the text between them."""

    VOID = ("br", "input", "link", "meta", "path")

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == [], "an element is not closed"

    def handle_starttag(self, name, attributes):
        self.tags.append((name, dict(attributes)))
        if name not in self.VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, name, key):
        return [attributes[key] for each, attributes in self.tags if each == name and key in attributes]


async def page(api, path=""):
    reply = await api.send("GET", f"{api.sandbox.origin}/_sandbox/{path}", headers=ACCEPT)
    assert reply.status == 200, reply.text
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    return Reader(reply.text)


async def test_it_shows_what_there_is(serve):
    async with serve(rph=600) as api:
        definition = await api.definition()
        await api.credit(definition, 1250, 42)
        await api.begin(definition, 10, 42)
        api.sandbox.faults.add(effects.apply_then_drop(), operation="transactions.complete", nth=3)
        api.sandbox.faults.add(effects.status(503), operation="balances.get")
        api.sandbox.faults.add(effects.reset(), contact_id=7, every=2, probability=0.25, times=5)
        assert (await api("GET", "subscriptions/42/balances")).status == 503
        text = (await page(api)).text
        for told in (
            "09:30:00 Monday, 23 November 2026, UTC, frozen",
            "596 of 600",
            api.sandbox.base_url,
            f"Program {api.program}",
            f"Points POINTS {definition}",
            "42 subscription-42 1,250 1 23 Nov, 09:30:00",
            "apply_then_drop transactions.complete carried out number 3 0 of 0",
            "reset any operation, contact 7 not carried out every 2, 0.25 of them at random, at most 5 0 of 0",
            "4 balances.get GET …/subscriptions/42/balances 503 not applied status_503",
            "3 transactions.begin POST …/transactions 200 applied",
            "transactions.begin 2 2",
        ):
            assert told in text


async def test_a_contact_s_history_has_its_line(api):
    definition = await api.definition()
    for amount in (100, -30, 5, -1000):
        await api.credit(definition, amount, 42)
        api.sandbox.clock.advance(60)
    reader = await page(api, f"?program={api.program}&definition={definition}&contact=42")
    assert "Contact 42 75 4 transactions, 0 of them drafts" in reader.text
    assert "rejected insufficient balance" in reader.text
    assert "balance from 0 to 75" in reader.text
    assert re.findall(r"-1,000 (\w+)", reader.text) == ["rejected"]
    (line,) = reader.all("path", "d")
    assert line == "M0.0 77.0H200.0V3.0H400.0V25.2H600.0V21.5"  # up to the top, down by 30 of 100, up by 5
    assert set(reader.all("a", "href")) == {"/_sandbox/"}


@pytest.mark.parametrize("contact", ["43", "x", "", "-1", "9" * 5000, "\u0661"])
async def test_a_contact_without_a_balance_is_told(api, contact):
    definition = await api.definition()
    await api.credit(definition, 1, 42)
    reader = await page(api, f"?program={api.program}&definition={definition}&contact={contact}")
    assert "There is no such balance." in reader.text


@pytest.mark.parametrize(
    ("strict", "told"), [(True, "programs and contacts must be seeded"), (False, "Any program exists")]
)
async def test_an_empty_sandbox_says_how_a_program_comes_to_be(serve, strict, told):
    async with serve(strict=strict) as api:
        assert told in (await page(api)).text


async def test_a_seeded_history_of_a_million_is_shown_by_its_newest(api):
    (definition,) = api.sandbox.seed(
        api.program,
        definitions=[{"name": "Points", "unit": "POINTS"}],
        histories=[{"contactId": 7, "count": 1_000_000}],
    )
    reader = await page(api, f"?program={api.program}&definition={definition}&contact=7")
    assert "1,000,000 transactions" in reader.text
    assert reader.text.count("completed") == 100


async def test_everything_is_escaped(api):
    definition = await api.definition(name=EVIL)
    api.sandbox.seed(api.program, contacts=[{"contactId": 5, "loyaltySubscriptionId": EVIL}])
    await api.credit(definition, 1, 5, meta={EVIL: EVIL, "deep": [EVIL]})
    api.sandbox.faults.add(effects.Raw(name=EVIL, applied=True, data=b"x"), operation="balances.get")
    await api.send("GET", f"{api.sandbox.base_url}/{EVIL}?{EVIL}")
    for path in (
        "",
        f"?program={api.program}&definition={definition}&contact=5",
        f"?operation={EVIL}",
        f"?program={EVIL}&contact={EVIL}",
    ):
        reader = await page(api, path)
        scripts = [attributes for name, attributes in reader.tags if name == "script"]
        assert scripts == [{"src": "/_sandbox/page.js", "defer": None}]
        assert not [key for _, attributes in reader.tags for key in attributes if key.startswith("on")]
    assert EVIL in (await page(api)).text


def test_a_text_is_never_markup():
    made = tag("a", "<b>", tag("i", "&"), None, 5, href='"><script>', title=None, hidden=True, data_path="x")
    assert made == ('<a href="&quot;&gt;&lt;script&gt;" hidden data-path="x">&lt;b&gt;<i>&amp;</i>5</a>')
    assert isinstance(made, Html)
    assert tag("input", class_="x") == '<input class="x">'


async def test_nothing_comes_from_elsewhere_and_nothing_is_kept_or_framed(api):
    reply = await api.send("GET", f"{api.sandbox.origin}/_sandbox/", headers=ACCEPT)
    policy = reply.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} <= {
        *policy
    }
    assert not {"unsafe-inline", "http"} & {*re.findall(r"[\w-]+", " ".join(policy))}
    reader = Reader(reply.text)
    assert not [attributes for _, attributes in reader.tags if "style" in attributes]
    for path in ("", "state", "page.js", "nothing"):
        headers = (await api.send("GET", f"{api.sandbox.origin}/_sandbox/{path}")).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


async def test_its_style_and_script_are_served(api):
    for name, kind in (("page.css", "text/css"), ("page.js", "text/javascript")):
        reply = await api.send("GET", f"{api.sandbox.origin}/_sandbox/{name}")
        assert (reply.status, reply.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
        assert "http" not in reply.text


async def test_the_buttons_name_routes_that_there_are(api):
    await api.control("POST", "snapshot")
    api.sandbox.faults.add(effects.stall())
    reader = await page(api)
    forms = {(form["data-method"], form["data-path"]) for name, form in reader.tags if name == "form"}
    listed = (await api.control("GET", "")).json["routes"]
    assert forms <= {(route["method"], route["path"]) for route in listed}
    assert len(forms) == 7


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
async def test_in_a_browser(serve, tmp_path):
    async with serve(rph=600) as api, open_tab(tmp_path) as tab:
        definition = await api.definition(name=EVIL + "W" * 90)
        await api.credit(definition, 100, 42, meta={"note": "<img src=x onerror='document.title=1'>"})
        await tab.go(f"{api.sandbox.origin}/_sandbox/")
        assert await tab.run("document.title") == "Brevo sandbox"
        for width in (390, 1280):
            for dark in (False, True):
                assert (await tab.look(width=width, dark=dark)).startswith(b"\x89PNG")
                assert await tab.run("document.documentElement.scrollWidth <= innerWidth")
        before = api.sandbox.clock.now()
        await tab.loads(tab.run("document.querySelector('button[value=\"3600\"]').click()"))
        assert (api.sandbox.clock.now() - before).total_seconds() == 3600
        fill = "f = document.querySelector('form[data-path$=\"/faults\"]'); f.arguments.value = '{}'; f.nth.value = 2;"
        await tab.run(f"{fill} f.requestSubmit(f.querySelector('button'))")
        refused = "new Promise(done => { const look = () => notice.hidden ? setTimeout(look, 10) "
        told = await tab.run(refused + ": done(notice.textContent); look(); })")
        assert told == "the effect status needs code; its arguments are code, body, headers, applied"
        await tab.run("f.arguments.value = '{\"code\": 503}'")
        await tab.loads(tab.run("f.requestSubmit(f.querySelector('button'))"))
        (fault,) = api.sandbox.faults
        assert (fault.effect, fault.nth) == (effects.status(503), frozenset({2}))
        await tab.loads(tab.run("document.querySelector('td a[href*=contact]').click()"))
        assert "Contact 42" in await tab.run("document.body.innerText")
        # The refusal above is told by the browser as well; nothing else went wrong, no policy was broken.
        assert [each for each in tab.problems if "status of 422" not in each] == []
