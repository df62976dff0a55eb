"""The rules of the money, without HTTP, on a frozen clock."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from brevo_balance_async.sandbox.http.answers import Answers
from brevo_balance_async.sandbox.http.rows import written
from brevo_balance_async.sandbox.rules.history import Wanted
from brevo_balance_async.sandbox.rules.lifecycle import Lifecycle
from brevo_balance_async.sandbox.rules.refusals import Refusal

HOUR, DAY = 3600, 86400


def status_of(error):
    return error.value.status


def test_a_draft_moves_nothing_until_it_is_completed(book):
    book = book()
    draft = book.begin("12.50")
    assert (draft.status, book.balance()) == ("draft", 0)
    done = book.complete(draft)
    assert (done.status, book.balance()) == ("completed", Decimal("12.5"))


def test_a_transaction_completes_at_most_once(book):
    book = book()
    draft = book.begin(10)
    book.complete(draft)
    with pytest.raises(Refusal) as error:
        book.complete(draft)
    assert status_of(error) == 422
    assert book.balance() == 10


@pytest.mark.parametrize("end", ["complete", "cancel", "expire"])
def test_every_end_is_final(book, end):
    book = book()
    draft = book.begin(10, ttl=60)
    if end == "expire":
        book.clock.advance(60)
    else:
        getattr(book, end)(draft)
    for again in (book.complete, book.cancel):
        with pytest.raises(Refusal) as error:
            again(draft)
        assert status_of(error) == 422
    assert book.balance() == (10 if end == "complete" else 0)


def test_a_draft_expires_at_its_moment_and_not_before(book):
    book = book()
    draft = book.begin(10, ttl=60)
    book.clock.advance(59.999)
    book.ledger.settle()
    assert draft.status == "draft"
    book.clock.advance(0.001)
    book.ledger.settle()
    assert draft.status == "expired"
    assert draft.updated_at == draft.draft_expires_at == draft.created_at + timedelta(seconds=60)


def test_unknown_transactions_are_404(book):
    book = book()
    draft = book.begin(10)
    other = "00000000-0000-4000-8000-000000000000"
    for program, transaction in ((book.program, other), (other, draft.id)):
        with pytest.raises(Refusal) as error:
            book.ledger.complete(program, transaction)
        assert status_of(error) == 404


@pytest.mark.parametrize(
    ("amount", "kind", "moved"),
    [("5", None, 5), ("-5", None, -5), ("5", "debit", -5), ("-5", "debit", -5), ("-5", "credit", 5)],
)
def test_the_type_overrides_the_sign(book, amount, kind, moved):
    book = book(switches={"default_floor": "none"})
    book.move(amount, kind=kind)
    assert book.balance() == moved


def test_credits_and_debits_round_by_their_own_rules(book):
    book = book(credit_rounding="lower", debit_rounding="upper")
    assert book.move("10.999").size == Decimal("10.99")
    assert book.move("-1.001").size == Decimal("1.01")
    assert book.balance() == Decimal("9.98")


def test_an_amount_that_rounds_to_nothing_is_refused(book):
    book = book(credit_rounding="lower")
    with pytest.raises(Refusal) as error:
        book.begin("0.001")
    assert status_of(error) == 422
    assert book.ledger.transactions() == []


@pytest.mark.parametrize("strategy", [None, "strict"])
def test_strict_refuses_a_credit_above_the_maximum(book, strategy):
    book = book(max_amount=Decimal(100), overtaking=strategy)
    assert book.move(60).status == "completed"
    refused = book.move(41)
    assert (refused.status, refused.reject_reason) == ("rejected", "maximum balance reached")
    assert (book.move(40).status, book.balance()) == ("completed", 100)


def test_partial_credits_what_fits(book):
    book = book(max_amount=Decimal(100), overtaking="partial")
    book.move(60)
    assert book.move(41).size == 40
    assert book.balance() == 100
    assert book.move(1).status == "rejected"


def test_partial_is_judged_when_the_draft_completes(book):
    book = book(max_amount=Decimal(100), overtaking="partial")
    first, second = book.begin(80), book.begin(80)
    assert (first.size, second.size) == (80, 80)
    assert book.complete(first).size == 80
    assert book.complete(second).size == 20


def test_a_draft_that_no_longer_fits_is_rejected_at_completion(book):
    book = book(max_amount=Decimal(100))
    first, second = book.begin(80), book.begin(80)
    book.complete(first)
    assert book.complete(second).status == "rejected"
    assert book.balance() == 80


def test_debits_stop_at_zero_or_at_the_minimum(book):
    plain = book()
    plain.move(10)
    assert plain.move("-10.01").reject_reason == "insufficient balance"
    assert (plain.move(-10).status, plain.balance()) == ("completed", 0)
    floored = book(min_amount=Decimal(5))
    floored.move(10)
    assert floored.move("-5.01").reject_reason == "minimum balance reached"
    assert (floored.move(-5).status, floored.balance()) == ("completed", 5)


def test_an_overdraft_is_paid_off_by_the_next_credit(book):
    book = book(min_amount=Decimal(-100))
    book.move(-30)
    assert (book.balance(), book.lots()) == (-30, [])
    book.move(20)
    assert (book.balance(), book.lots()) == (-10, [])
    book.move(25)
    assert (book.balance(), book.lots()) == (15, [15])


def test_caps_of_a_single_operation(book):
    book = book(max_credit=Decimal(50), max_debit=Decimal(20))
    assert book.move(51).status == "rejected"
    assert book.move(50).status == "completed"
    assert book.move(-21).status == "rejected"
    assert book.move(-20).status == "completed"


def test_a_calendar_limit_starts_anew_with_the_day(book):
    book = book()
    book.limit(value=2)
    assert [book.move(1).status for _ in range(3)] == ["completed", "completed", "rejected"]
    book.clock.advance(14 * HOUR + 29 * 60)  # 23:59
    assert book.move(1).status == "rejected"
    book.clock.advance(60)  # midnight in UTC
    assert book.move(1).status == "completed"


def test_a_sliding_limit_looks_back_its_exact_span(book):
    book = book()
    book.limit(value=100, counts="amount", sliding=True)
    assert book.move(60).status == "completed"
    book.clock.advance(HOUR)
    assert book.move(60).status == "rejected"
    assert book.move(40).status == "completed"
    book.clock.advance(DAY - HOUR - 0.001)
    assert book.move(1).status == "rejected"
    book.clock.advance(0.001)
    assert book.move(60).status == "completed"


def test_a_calendar_limit_of_several_units_ends_with_the_current_one(book):
    book = book()
    book.limit(value=1, duration_unit="week", duration_value=2)  # the clock starts on a Monday
    assert book.move(1).status == "completed"
    book.clock.advance(13 * DAY)
    assert book.move(1).status == "rejected"
    book.clock.advance(DAY)
    assert book.move(1).status == "completed"


def test_a_limit_counts_its_own_direction_and_what_was_completed(book):
    book = book()
    book.limit(value=1, kind="debit")
    book.move(100)
    book.move(100)
    drafts = [book.begin(-1), book.begin(-1)]
    assert book.complete(drafts[0]).status == "completed"
    assert book.complete(drafts[1]).status == "rejected"
    assert book.move(1).status == "completed"


def test_limits_are_each_contact_s_own(book):
    book = book()
    book.limit(value=1)
    assert [book.move(1, contact).status for contact in (1, 2, 1)] == ["completed", "completed", "rejected"]


def test_points_lapse_and_leave_the_balance(book):
    book = book(duration_value=1, duration_unit="day")
    book.move(10)
    book.clock.advance(HOUR)
    book.move(5)
    book.clock.advance(DAY - HOUR)
    assert (book.balance(), book.lots()) == (5, [5])
    book.clock.advance(HOUR)
    assert (book.balance(), book.lots()) == (0, [])


def test_debits_consume_the_oldest_points_first(book):
    book = book(duration_value=1, duration_unit="day")
    book.move(10)
    book.clock.advance(HOUR)
    book.move(10)
    book.move(-12)
    assert book.lots() == [8]
    book.clock.advance(DAY - HOUR)  # the first credit's time is over, but its points are spent
    assert book.balance() == 8


def test_a_transaction_s_own_lifetime_lapses_before_older_points(book):
    book = book()
    book.move(10)
    transaction = book.move(5, points_lifetime=30)
    assert transaction.points_expire_at == transaction.completed_at + timedelta(minutes=30)
    assert book.lots() == [10, 5]
    book.clock.advance(30 * 60)
    assert (book.balance(), book.lots()) == (10, [10])


def test_lapsed_points_count_at_their_moment_and_not_when_somebody_looks(book):
    book = book(max_amount=Decimal(10), duration_value=1, duration_unit="day")
    book.move(10)
    book.clock.advance(DAY)
    assert book.move(10).status == "completed"


def test_an_order_runs_when_it_is_due(book):
    book = book()
    due = book.clock.now() + timedelta(hours=1)
    order = book.ledger.create_order(
        book.program,
        definition_id=book.definition,
        contact_id=1,
        amount=Decimal(7),
        due_at=due,
        source="user",
    )
    book.clock.advance(HOUR - 1)
    assert book.balance() == 0
    book.clock.advance(DAY)
    assert book.balance() == 7
    assert order.transaction.completed_at == due


def test_an_order_whose_definition_is_deleted_is_rejected_when_it_is_due(book):
    book = book()
    order = book.ledger.create_order(
        book.program,
        definition_id=book.definition,
        contact_id=1,
        amount=Decimal(5),
        due_at=book.clock.now() + timedelta(hours=1),
        source="user",
    )
    book.ledger.catalogue.delete_definition(book.program, book.definition)
    book.clock.advance(7200)
    (transaction,) = book.ledger.transactions()
    assert (transaction.status, transaction.rejected_at) == ("rejected", order.due_at)
    assert transaction.reject_reason == "the balance definition is deleted"
    assert book.balance() == 0


def test_an_order_s_transaction_can_be_completed_or_cancelled_before(book):
    book = book()
    orders = [
        book.ledger.create_order(
            book.program,
            definition_id=book.definition,
            contact_id=1,
            amount=Decimal(7),
            due_at=book.clock.now() + timedelta(hours=1),
            source="engine",
        )
        for _ in range(2)
    ]
    book.complete(orders[0].transaction)
    book.cancel(orders[1].transaction)
    book.clock.advance(DAY)
    assert book.balance() == 7


def test_an_order_expires_and_one_that_breaks_a_rule_is_rejected(book):
    book = book(switches={"orders_run_at_due": False}, max_amount=Decimal(5))
    terms = {"definition_id": book.definition, "contact_id": 1, "source": "user"}
    due = book.clock.now() + timedelta(hours=1)
    late = book.ledger.create_order(
        book.program, amount=Decimal(3), due_at=due, expires_at=due + timedelta(hours=1), **terms
    )
    book.clock.advance(3 * HOUR)
    book.ledger.settle()
    assert late.transaction.status == "expired"
    book.ledger.switches = book.ledger.switches.replaced({"orders_run_at_due": True})
    over = book.ledger.create_order(book.program, amount=Decimal(6), due_at=book.clock.now(), **terms)
    book.ledger.settle()
    assert (over.transaction.status, over.transaction.reject_reason) == (
        "rejected",
        "maximum balance reached",
    )


def test_what_is_due_happens_in_the_order_of_time(book):
    book = book(max_amount=Decimal(10))
    book.move(10, points_lifetime=60)
    for hours in (0.5, 1.5):
        book.ledger.create_order(
            book.program,
            definition_id=book.definition,
            contact_id=1,
            amount=Decimal(10),
            due_at=book.clock.now() + timedelta(hours=hours),
            source="user",
        )
    book.clock.advance(DAY)
    assert book.balance() == 10  # the first order found the balance full, the second found it lapsed
    assert [t.status for t in book.ledger.transactions()] == ["completed", "rejected", "completed"]


def test_strict_wants_members_and_published_definitions(book):
    book = book(strict=True)
    with pytest.raises(Refusal) as error:
        book.begin(1)
    assert status_of(error) == 422
    with pytest.raises(Refusal) as error:
        book.ledger.active_lots(book.program, book.definition, 1)
    assert status_of(error) == 404
    book.ledger.catalogue.program(book.program).enrol(1, "cust-1")
    assert book.move(1).subscription_id == "cust-1"
    assert book.ledger.contact_balance_values(book.program, 1)[0][1] == 1
    with pytest.raises(Refusal) as error:
        book.ledger.catalogue.program("00000000-0000-4000-8000-000000000000")
    assert status_of(error) == 404


def test_strict_edits_wait_for_publishing(book):
    book = book(strict=True)
    catalogue = book.ledger.catalogue
    catalogue.program(book.program).enrol(1)
    catalogue.update_definition(
        book.program, book.definition, {"name": "n", "unit": "EUR", "max_amount": Decimal(1)}
    )
    book.limit(value=0)
    assert book.move(5).status == "completed"
    assert catalogue.definition(book.program, book.definition, version="draft").unit == "EUR"
    assert catalogue.definition(book.program, book.definition, version="active").unit == "POINTS"
    catalogue.publish(book.program)
    assert book.move(5).status == "rejected"
    catalogue.delete_definition(book.program, book.definition)
    assert book.begin(5)
    catalogue.publish(book.program)
    with pytest.raises(Refusal) as error:
        book.begin(5)
    assert status_of(error) == 404


def test_subscription_ids_name_contacts(book):
    book = book()
    by_contact = book.move(1, 7, subscription_id="cust-7")
    by_id = book.move(1, None, subscription_id="cust-7")
    assert (by_id.contact_id, by_contact.subscription_id) == (7, "cust-7")
    stranger = book.move(1, None, subscription_id="cust-8")
    assert stranger.contact_id not in (7, None)
    for contact, subscription in ((8, "cust-7"), (None, None)):
        with pytest.raises(Refusal) as error:
            book.begin(1, contact, subscription_id=subscription)
        assert status_of(error) == 422


def page(book, start=0, limit=10, *, descending=False, contact=1, **wanted):
    return book.ledger.history(
        book.program,
        book.definition,
        contact,
        wanted=Wanted(**wanted),
        start=start,
        limit=limit,
        descending=descending,
    )


def test_history_pages_in_both_orders(book):
    book = book()
    ids = []
    for amount in range(1, 8):
        ids.append(book.move(amount).id)
        book.clock.advance(1)
    assert [row.id for row in page(book, 2, 3).rows] == ids[2:5]
    assert [row.id for row in page(book, 2, 3, descending=True).rows] == ids[::-1][2:5]
    assert [row.id for row in page(book, 6, 3, descending=True).rows] == ids[:1]
    assert page(book, 99, 3).rows == []
    assert {page(book, start, 3).total for start in (0, 6, 99)} == {7}


def test_history_filters_follow_every_change(book):
    book = book()
    book.move(10)
    draft = book.begin(-4, ttl=60)
    assert [row.id for row in page(book, status="draft").rows] == [draft.id]
    assert page(book, kind="debit").total == 1
    book.clock.advance(60)
    assert page(book, status="draft").total == 0
    assert [row.status for row in page(book, kind="debit").rows] == ["expired"]
    assert page(book, subscription_id="subscription-1").total == 2
    assert page(book, subscription_id="another").total == 0


def test_a_seeded_history_behaves_like_a_recorded_one(book):
    book = book()
    book.ledger.seed_history(
        book.program, book.definition, 1, 1000, amount=Decimal("0.25"), spacing=timedelta(seconds=2), ties=4
    )
    assert book.balance() == 250
    everything = page(book, 0, 5000)
    assert (len(everything.rows), everything.total, len({row.id for row in everything.rows})) == (
        1000,
        1000,
        1000,
    )
    moments = [row.created_at for row in everything.rows]
    assert moments == sorted(moments)
    assert len(set(moments)) == 250
    assert moments[-1] == book.clock.now()
    newest = book.move(-1)
    assert [row.id for row in page(book, 0, 2, descending=True).rows] == [newest.id, everything.rows[-1].id]
    assert page(book, status="completed", kind="credit").total == 1000
    assert page(book, status="draft").total == 0
    with pytest.raises(Refusal) as error:
        book.ledger.complete(book.program, everything.rows[3].id)
    assert status_of(error) == 422
    with pytest.raises(ValueError):
        book.ledger.seed_history(book.program, book.definition, 1, 5)
    with pytest.raises(Refusal) as error:
        book.ledger.complete(book.program, "00000000-5eed-4000-8000-ffffffffffff")
    assert status_of(error) == 404


@pytest.mark.parametrize("switches", [{}, {"amounts": "string", "status_words": "old"}])
def test_seeded_rows_are_written_as_if_each_were_written_alone(book, switches):
    book = book(switches)
    book.ledger.seed_history(book.program, book.definition, 1, 300, amount=Decimal("1.50"), ties=3)
    for amount in (2, -1):
        book.move(amount, meta={"row": 7, "100%": "%s"})
    write = Answers(book.ledger.switches)._history_row
    for start, limit in ((0, 500), (0, 1), (1, 2), (10, 291), (299, 2), (300, 9), (305, 9)):
        for descending in (False, True):
            cut = page(book, start, limit, descending=descending)
            assert written(cut, write) == [write(row) for row in cut.rows]


def test_a_row_can_be_made_to_vanish(book):
    book = book()
    rows = [book.move(1) for _ in range(3)]
    book.ledger.forget(rows[1].id)
    assert [row.id for row in page(book).rows] == [rows[0].id, rows[2].id]
    assert book.balance() == 3


def test_accounts_rank_by_value_and_by_change(book):
    book = book()
    for contact, amount in ((1, 5), (2, 9), (3, 1)):
        book.move(amount, contact)
        book.clock.advance(1)

    def ranked(by, *, descending):
        found = book.ledger.contact_balances(book.program, book.definition, by=by)
        return [account.contact_id for account in found.between(0, len(found), descending=descending)]

    assert ranked("value", descending=True) == [2, 1, 3]
    assert ranked("updatedAt", descending=False) == [1, 2, 3]
    book.move(9, 3)
    assert ranked("value", descending=True) == [3, 2, 1]
    assert ranked("updatedAt", descending=True) == [3, 2, 1]


def test_created_balances_start_at_zero(book):
    book = book()
    created = book.ledger.create_balance(book.program, 5, book.definition)
    assert created.amount == 0
    assert book.ledger.create_balance(book.program, 5, book.definition) is created


def test_a_listing_looks_only_at_accounts_to_which_something_is_due(book, monkeypatch):
    book = book()
    for contact in range(1, 301):
        book.move(contact, contact, points_lifetime=60)
    drafts = [book.begin(1, contact, ttl=600) for contact in (7, 8)]
    looked_at = []
    settle = Lifecycle.settle

    def counted(life, account, now):
        looked_at.append(account.contact_id)
        settle(life, account, now)

    monkeypatch.setattr(Lifecycle, "settle", counted)

    def listed():
        looked_at.clear()
        ranking = book.ledger.contact_balances(book.program, book.definition, by="value")
        return [(a.contact_id, a.balance) for a in ranking.between(0, 2, descending=True)]

    assert listed() == [(300, 300), (299, 299)]
    assert looked_at == []
    book.move(1000, 5)
    assert listed() == [(5, 1005), (300, 300)]
    assert looked_at == []
    book.clock.advance(600)
    assert listed() == [(5, 1005), (300, 300)]
    assert sorted(looked_at) == [7, 8]
    assert [draft.status for draft in drafts] == ["expired", "expired"]
    book.clock.advance(3000)
    assert listed() == [(5, 1000), (300, 0)]
    assert len(looked_at) == len(set(looked_at)) == 300
    assert listed() == [(5, 1000), (300, 0)]
    assert looked_at == []


def test_members_that_join_later_are_listed_at_zero(book):
    book = book()
    program = book.ledger.catalogue.program(book.program)
    for joins in ([3, 1], [], [2]):
        for contact in joins:
            program.enrol(contact)
        ranking = book.ledger.contact_balances(book.program, book.definition, by="value")
    assert [account.contact_id for account in ranking.between(0, 9, descending=False)] == [1, 2, 3]


def test_a_limit_counts_what_was_completed_in_its_window_and_nothing_else(book):
    book = book(switches={"default_floor": "none"})
    book.limit(counts="amount", value=10, duration_unit="day", duration_value=1)
    for _ in range(3):
        for amount in (4, -50, 4):
            assert book.move(amount).status == "completed"
        assert book.begin(3).status == "rejected"
        assert book.move(2).status == "completed"
        assert book.move("0.01").status == "rejected"
        book.clock.advance(DAY)


def test_two_members_become_one(book):
    book = book(switches={"default_floor": "none"})
    book.limit(counts="transaction", value=5, duration_unit="day", duration_value=1)
    moved = []
    for amount, contact in ((5, 1), (7, 2), (3, 1), (-2, 2)):
        moved.append(book.move(amount, contact, subscription_id=f"cust-{contact}").id)
        book.clock.advance(1)
    draft = book.begin(4, 1, ttl=600)
    book.ledger.merge(book.program, 1, 2)
    assert (book.balance(1), book.balance(2)) == (0, 13)
    assert book.lots(2) == [5, 5, 3]
    rows = page(book, contact=2).rows
    assert [row.id for row in rows] == [*moved, draft.id]
    assert {(row.contact_id, row.subscription_id) for row in rows} == {(2, "cust-2")}
    assert page(book, contact=1).rows == []
    assert page(book, contact=2, subscription_id="cust-1").rows == []
    assert book.begin(1, None, subscription_id="cust-1").contact_id == 2
    assert book.move(1, 2).status == "completed"
    assert book.complete(draft).status == "completed"
    assert book.move(1, 2).reject_reason == "credit transaction limit reached"
    assert (book.balance(2), draft.contact_id) == (18, 2)
    newcomer = book.move(2, 1)
    assert (newcomer.contact_id, book.balance(1), newcomer.subscription_id) == (1, 2, "subscription-1")


def test_what_one_of_two_merged_members_was_overdrawn_by_is_paid_from_the_lots_of_the_other(book):
    book = book(switches={"default_floor": "none"})
    for amount, contact in ((-6, 1), (4, 2), (5, 2)):
        book.move(amount, contact)
        book.clock.advance(1)
    book.ledger.merge(book.program, 1, 2)
    assert (book.balance(2), book.lots(2)) == (3, [3])
    book.move(-1, 2)
    assert (book.balance(2), book.lots(2)) == (2, [2])


def test_drafts_and_points_that_moved_still_expire(book):
    book = book()
    book.move(5, 1, points_lifetime=20)
    draft = book.begin(1, 1, ttl=600)
    book.ledger.contact_balances(book.program, book.definition, by="value")
    book.ledger.merge(book.program, 1, 2)
    book.clock.advance(600)
    ranking = book.ledger.contact_balances(book.program, book.definition, by="value")
    assert draft.status == "expired"
    book.clock.advance(600)
    ranking = book.ledger.contact_balances(book.program, book.definition, by="value")
    assert [(a.contact_id, a.balance) for a in ranking.between(0, 9, descending=True)] == [(2, 0)]


@pytest.mark.parametrize(("contact", "into"), [(1, 1), (3, 1)])
def test_only_two_members_can_be_merged(book, contact, into):
    book = book()
    book.move(5, 1)
    with pytest.raises(Refusal) as error:
        book.ledger.merge(book.program, contact, into)
    assert status_of(error) == 404


@pytest.mark.parametrize(("contact", "into"), [(1, 2), (2, 1)])
def test_a_seeded_history_is_not_merged(book, contact, into):
    book = book()
    book.ledger.seed_history(book.program, book.definition, 1, 5)
    book.move(3, 2)
    with pytest.raises(ValueError, match="seeded history"):
        book.ledger.merge(book.program, contact, into)
    assert (book.balance(1), book.balance(2)) == (5, 3)
    assert page(book, contact=2).rows[0].contact_id == 2


def test_a_completion_that_takes_its_time_commits_what_has_expired_since(book):
    book = book()
    draft = book.begin(5, ttl=60)
    commit = book.ledger.start_completing(book.program, draft.id, 120)
    book.clock.advance(60)
    assert [row.status for row in page(book).rows] == ["expired"]
    with pytest.raises(Refusal) as error:
        book.complete(draft)
    assert status_of(error) == 422
    book.clock.advance(59.999)
    assert (book.balance(), draft.status) == (0, "expired")
    book.clock.advance(0.001)
    assert book.balance() == 5
    assert book.ledger.finish_completing(commit) is draft
    assert (draft.status, draft.completed_at) == ("completed", commit.at)
    assert [row.status for row in page(book).rows] == ["completed"]


@pytest.mark.parametrize("again", ["422", "credits_again"])
def test_two_completions_at_once(book, again):
    book = book(switches={"repeated_complete": again})
    draft = book.begin(5, ttl=60)
    first, second = (book.ledger.start_completing(book.program, draft.id, seconds) for seconds in (2, 1))
    book.clock.advance(10)
    assert book.ledger.finish_completing(second).status == "completed"
    if again == "422":
        with pytest.raises(Refusal) as error:
            book.ledger.finish_completing(first)
        assert status_of(error) == 422
    else:
        book.ledger.finish_completing(first)
    assert book.balance() == (5 if again == "422" else 10)
    assert len(book.lots()) == (1 if again == "422" else 2)
    ids = [lot.id for lot in book.ledger.active_lots(book.program, book.definition, 1)]
    assert len(set(ids)) == len(ids)
    assert draft.id not in ids


@pytest.mark.parametrize("end", ["cancel", "breach", "delete"])
def test_a_completion_that_takes_its_time_may_fail_in_the_end(book, end):
    book = book(max_amount=Decimal(6))
    draft = book.begin(5, ttl=60)
    commit = book.ledger.start_completing(book.program, draft.id, 10)
    if end == "cancel":
        book.cancel(draft)
    elif end == "breach":
        book.move(4)
    else:
        book.ledger.catalogue.delete_definition(book.program, book.definition)
        book.ledger.catalogue.publish(book.program)
    book.clock.advance(10)
    with pytest.raises(Refusal) as error:
        book.ledger.finish_completing(commit)
    assert status_of(error) == 422
    assert draft.status == ("cancelled" if end == "cancel" else "draft")


@pytest.mark.parametrize("end", ["complete", "cancel"])
def test_drafts_that_have_ended_are_not_waited_for(book, end):
    book = book()
    kept = [book.begin(1, ttl=1000) for _ in range(5)]
    for _ in range(1000):
        getattr(book, end)(book.begin(1, ttl=2000))
    account = next(book.ledger.accounts())
    assert len(account._agenda) <= 20
    book.clock.advance(1000)
    book.ledger.settle()
    assert {draft.status for draft in kept} == {"expired"}


def test_what_falls_due_brings_about_more_that_does(book):
    book = book(duration_value=1, duration_unit="day")
    terms = {"definition_id": book.definition, "contact_id": 1, "amount": Decimal(1), "source": "user"}
    for minutes in range(1, 31):
        due = book.clock.now() + timedelta(minutes=minutes)
        book.ledger.create_order(book.program, due_at=due, **terms)
    book.clock.advance(HOUR)
    assert book.balance() == 30
    book.clock.advance(DAY - HOUR + 10 * 60)
    assert (book.balance(), len(book.lots())) == (20, 20)
    book.clock.advance(HOUR)
    assert (book.balance(), book.lots()) == (0, [])
