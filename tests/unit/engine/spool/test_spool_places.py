"""The packed index of places behaves as a dictionary would, in a fraction of its room."""

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.spool.places import Place, Places

IDS = st.integers(0, 3000)
LARGEST = Place((1 << 32) - 1, (1 << 32) - 1, (1 << 32) - 1)


def place(number: int) -> Place:
    return Place(number % 7 + 1, number, number + 1)


def filled(count: int) -> Places:
    places = Places()
    for number in range(count):
        places.put(number, place(number))
    return places


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["put", "pop", "fill", "drain"]), IDS, IDS), max_size=40))
def test_it_is_a_dictionary(steps: list[tuple[str, int, int]]) -> None:
    places, model = Places(), dict[int, Place]()
    for step, first, second in steps:
        many = range(min(first, second), max(first, second))
        for number in [first] if step in {"put", "pop"} else many:
            if step in {"put", "fill"}:
                value = place(number + second)
                assert places.put(number, value) == model.get(number)
                model[number] = value
            else:
                assert places.pop(number) == model.pop(number, None)
        assert len(places) == len(model)
        assert list(places) == sorted(model)
    assert all(places.get(number) == model.get(number) for number in range(3001))
    assert all((number in places) == (number in model) for number in range(3001))


def test_a_place_may_be_as_large_as_a_segment_can_be() -> None:
    for crowd in (0, 1000):
        places = filled(crowd)
        places.put(5, LARGEST)
        assert places.get(5) == LARGEST


def test_what_comes_while_it_is_walked_through_is_not_met_and_what_goes_is_left_out() -> None:
    places = filled(2000)
    met = []
    for number in places:
        met.append(number)
        if number == 100:
            places.put(2000, place(2000))
            places.put(9000, place(9000))
            for gone in range(1500, 1990):
                places.pop(gone)
    assert met == [*range(1500), *range(1990, 2000)]


def test_a_full_index_costs_twelve_bytes_a_message_and_a_thinned_one_no_more_than_a_dictionary() -> None:
    tracemalloc.start()
    try:
        places = filled(100_000)
        assert tracemalloc.get_traced_memory()[0] < 100_000 * 14
        for number in range(100_000):
            if number % 50:
                places.pop(number)
        assert list(places) == list(range(0, 100_000, 50))
        assert tracemalloc.get_traced_memory()[0] < 2_000 * 200
        for number in range(0, 100_000, 50):
            places.pop(number)
        assert tracemalloc.get_traced_memory()[0] < 20_000
    finally:
        tracemalloc.stop()
