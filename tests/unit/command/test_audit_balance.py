"""The balance of what was accepted: nothing counts twice, and what has no trace is named."""

from dataclasses import replace

from services.store.app import stored
from shared.broker.accounting import Gap
from shared.messages import ArticleStored, Outcome
from wireroom.ops.audit import balance, ledger_places
from wireroom.ops.audit_snapshot import AuditSnapshot
from wireroom.testing.factories import NOON, an_extracted_article


def event(place: int, outcome: Outcome = "inserted") -> ArticleStored:
    return stored(an_extracted_article(version=place), outcome)


SNAPSHOT = AuditSnapshot(
    first=1,
    last=6,
    stored={1: event(1), 2: event(2, "updated"), 3: event(3, "duplicate")},
    dead={4: "schema"},
    raw=frozenset({5}),
    inbox=frozenset({6}),
)


def test_each_place_is_counted_once_under_its_fate() -> None:
    found = balance(SNAPSHOT)
    assert found.outcomes == {"inserted": 1, "updated": 1, "duplicate": 1}
    assert (found.accepted, found.dead, found.in_flight, found.missing) == (6, 1, 2, ())
    assert found.accepted == sum(found.outcomes.values()) + found.dead + found.in_flight
    assert found.adds_up


def test_what_was_stored_after_a_replay_is_no_longer_dead_or_on_its_way() -> None:
    found = balance(replace(SNAPSHOT, stored=SNAPSHOT.stored | {4: event(4), 5: event(5)}))
    assert (found.dead, found.in_flight, found.missing) == (0, 1, ())


def test_a_place_without_a_trace_is_named() -> None:
    found = balance(replace(SNAPSHOT, last=8))
    assert found.missing == (7, 8)
    assert not found.adds_up


def test_a_letter_that_was_dropped_explains_its_own_place_and_no_other() -> None:
    found = balance(replace(SNAPSHOT, last=8, dropped=frozenset({7})))
    assert (found.dropped, found.missing, found.adds_up) == (1, (8,), False)
    assert balance(replace(SNAPSHOT, last=7, dropped=frozenset({3, 4, 7}))).dropped == 1, (
        "3 is stored, 4 is still there"
    )


def test_what_a_ledger_names_and_the_streams_no_longer_keep_is_not_called_missing() -> None:
    found = balance(replace(SNAPSHOT, first=3, stored={3: event(3)}), [1, 2, 3, 9])
    assert (found.accepted, found.too_old, found.missing) == (4, 2, (9,))


def test_a_ledger_asks_for_its_own_places_only() -> None:
    found = balance(SNAPSHOT, ledger_places(['{"origin": "a:1", "sequence": 3}', "", '{"sequence": 9}']))
    assert (found.accepted, found.outcomes, found.missing) == (2, {"duplicate": 1}, (9,))


def test_what_is_older_than_the_streams_is_not_judged() -> None:
    assert balance(replace(SNAPSHOT, first=4, stored={})).accepted == 3


def test_what_was_withdrawn_counts_as_that_and_nothing_else() -> None:
    found = balance(replace(SNAPSHOT, first=2, withdrawn={1: "a", 4: "b", 5: "c"}))
    assert found.outcomes == {"updated": 1, "duplicate": 1, "withdrawn": 3}
    assert (found.accepted, found.dead, found.in_flight, found.missing) == (6, 0, 1, ())


GAP = Gap(first=4, since=5, known=8, next=1009, at=NOON)
LOST = replace(
    SNAPSHOT, last=1010, gaps=(GAP,), kept=frozenset({6, 8}), dead={}, raw=frozenset(), inbox=frozenset({1010})
)


def test_numbers_of_a_broker_whose_data_is_gone_are_stored_or_named() -> None:
    found = balance(replace(LOST, stored=LOST.stored | {1009: event(1009)}))
    assert found.outcomes == {"inserted": 2, "updated": 1, "duplicate": 1, "stored": 2}
    assert (found.accepted, found.in_flight) == (9, 1), "1 to 3, 5 to 8, 1009 and 1010; nothing is asked of 4"
    assert found.missing == found.lost_by_broker == (5, 7)


def test_what_a_ledger_has_beyond_the_last_stored_number_went_with_the_broker() -> None:
    found = balance(LOST, [4, 6, 9, 12])
    assert (found.outcomes, found.too_old, found.missing) == ({"stored": 1}, 1, (9, 12))


def test_a_number_that_was_given_twice_is_asked_for_under_both() -> None:
    found = balance(replace(LOST, moved={7: 1010}), [7])
    assert (found.accepted, found.in_flight, found.missing) == (2, 1, (7,))


def test_ten_million_numbers_that_were_left_out_cost_nothing() -> None:
    gap = Gap(first=4, since=4, known=8, next=10**12, at=NOON)
    assert len(replace(SNAPSHOT, last=10**12 + 1, gaps=(gap,)).covered) == 10


def test_a_second_loss_does_not_ask_for_what_was_left_out_after_the_first() -> None:
    earlier = Gap(first=4, since=4, known=8, next=10**12, at=NOON)
    later = Gap(first=1, since=2, known=10**12 + 1, next=10**13, at=NOON)
    covered = replace(SNAPSHOT, last=10**13 + 1, gaps=(earlier, later)).covered
    assert covered == {*range(2, 9), 10**12, 10**12 + 1, 10**13, 10**13 + 1}


def test_a_number_beyond_what_is_stored_was_given_twice_if_a_ledger_says_so() -> None:
    moved = replace(LOST, moved={9: 1010}, stored=LOST.stored | {1010: event(1010)}, last=1020)
    once, twice = balance(moved, [9]), balance(moved, [9, 9])
    assert (once.accepted, once.missing) == (1, ()), "it means the one that has another number now"
    assert twice.missing == (9,)


def test_an_accepted_loss_is_counted_as_that_and_hides_no_other() -> None:
    found = balance(replace(SNAPSHOT, last=8, accepted_losses=frozenset({3, 7})))
    assert (found.accepted_losses, found.missing, found.adds_up) == (1, (8,), False), "3 is stored, 8 was not accepted"
