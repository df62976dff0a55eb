"""What a sandbox remembers is kept small, counted in objects and not in bytes."""

from __future__ import annotations

from brevo_balance_async.sandbox.http.sharing import lean, shared_text
from brevo_balance_async.sandbox.http.wire import nearest_double, number_text, timestamp


async def test_what_requests_have_in_common_is_kept_once(api):
    definition = await api.definition()
    for _ in range(3):
        await api.credit(definition, 1.5, meta={"reference": "r"})
    first, *others = api.sandbox.requests.of("transactions.begin")
    for other in others:
        assert other.headers is first.headers
        assert other.path is first.path
        assert other.query is first.query
        assert other.body["balanceDefinitionId"] is first.body["balanceDefinitionId"]
        names = [[id(name) for name in (*record.body, *record.body["meta"])] for record in (first, other)]
        assert names[0] == names[1]
    kept = api.sandbox.ledger.transactions()
    for name in ("program_id", "definition_id", "subscription_id", "size", "kind", "contact_id"):
        assert len({id(getattr(transaction, name)) for transaction in kept}) == 1
    assert {transaction.flat_meta for transaction in kept} == {("reference", "r")}


async def test_a_reset_leaves_nothing_behind(api):
    definition = await api.definition()
    await api.credit(definition, 1.5, meta={"reference": "r"})
    account = next(api.sandbox.ledger.accounts())
    book = account.book
    await api.ok("GET", "contact-balances", balanceDefinitionId=definition)
    api.sandbox.reset()
    assert list(book) == []
    for cache in (shared_text, nearest_double, number_text, timestamp):
        assert cache.cache_info().currsize == 0


def test_no_value_of_a_body_but_the_definition_s_id_is_remembered():
    shared_text.cache_clear()
    secret = "00000000-0000-4000-8000-000000000000"
    lean({"api-key": secret, "LoyaltySubscriptionId": secret, "meta": {"token": secret}})
    assert shared_text.cache_info().currsize == 4  # the names
