from __future__ import annotations

import threading
import time

import pytest

from cvstudio.foundation.concurrency import fan_out, map_ordered, prefetch
from cvstudio.foundation.errors import Cancelled


def test_every_reader_gets_everything_in_order_and_in_a_thread_of_its_own():
    got: list[tuple[str, list[int]]] = []
    main = threading.current_thread().name

    def reader(items):
        got.append((threading.current_thread().name, list(items)))

    fan_out(iter(range(50)), [reader, reader])
    assert [items for _, items in got] == [list(range(50))] * 2
    assert len({name for name, _ in got} | {main}) == 3


def test_the_source_and_a_reader_work_at_the_same_time():
    both = threading.Barrier(2, timeout=60)

    def source():
        yield 0
        yield 1
        both.wait()
        yield 2

    def reader(items):
        assert next(items) == 0
        both.wait()
        assert list(items) == [1, 2]

    fan_out(source(), [reader])


def test_a_slow_reader_holds_the_source_back():
    ahead, most = 0, 0

    def source():
        nonlocal ahead, most
        for number in range(20):
            ahead += 1
            most = max(most, ahead)
            yield number

    def reader(items):
        nonlocal ahead
        for _ in items:
            time.sleep(0.005)
            ahead -= 1

    fan_out(source(), [reader], depth=2)
    # Two wait, one is being read and one is waiting to be put.
    assert most <= 4


def test_an_error_of_a_reader_stops_everything_and_is_told():
    closed, other = [], []

    def source():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    def fails(items):
        next(items)
        raise OSError("full")

    def waits(items):
        try:
            for _ in items:
                pass
        except Cancelled:
            other.append("cancelled")
            raise

    with pytest.raises(OSError, match="full"):
        fan_out(source(), [fails, waits])
    assert closed == [True]
    assert other == ["cancelled"]


@pytest.mark.parametrize("error", [Cancelled, ValueError])
def test_an_error_of_the_source_reaches_the_readers_as_an_end_that_is_none(error):
    seen = []

    def source():
        yield 1
        raise error

    def reader(items):
        try:
            list(items)
        except Cancelled:
            seen.append("cancelled")
            raise

    with pytest.raises(error):
        fan_out(source(), [reader])
    assert seen == ["cancelled"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cvstudio-fan")]


def test_a_reader_that_has_enough_is_left_out():
    got = []
    fan_out(range(1000), [lambda items: got.append(next(items)), lambda items: got.append(len(list(items)))])
    assert sorted(got) == [0, 1000]


def test_map_ordered_gives_results_in_order_from_as_many_threads_as_asked_for():
    all_at_once = threading.Barrier(3, timeout=60)
    begun = []

    def work(number):
        all_at_once.wait()
        time.sleep(0.01 * (3 - number % 3))  # the later ones are done first
        return number * number, threading.current_thread().name

    found = list(map_ordered(range(30), work, 3, begin=lambda: begun.append(threading.current_thread().name)))
    assert [value for value, _ in found] == [number * number for number in range(30)]
    assert {name for _, name in found} == set(begun)
    assert len(begun) == 3


def test_map_ordered_does_not_run_away_from_who_takes_its_results():
    asked = []

    def source():
        for number in range(100):
            asked.append(number)
            yield number

    results = map_ordered(source(), lambda number: number, 2)
    for taken in range(1, 20):
        next(results)
        assert len(asked) <= taken + 2
    results.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cvstudio-map")]


@pytest.mark.parametrize("where", ["source", "work"])
def test_map_ordered_raises_what_its_parts_raise_and_closes_the_source(where):
    closed = []

    def source():
        try:
            yield 1
            yield 2
            if where == "source":
                raise OSError("unplugged")
            yield 3
        finally:
            closed.append(True)

    def work(number):
        if where == "work" and number == 2:
            raise OSError("unplugged")
        return number

    with pytest.raises(OSError, match="unplugged"):
        list(map_ordered(source(), work, 2))
    assert closed == [True]


def test_prefetch_closes_its_source_in_the_thread_that_read_it():
    names = []

    def source():
        try:
            while True:
                yield threading.current_thread().name
        finally:
            names.append(threading.current_thread().name)

    with prefetch(source()) as items:
        assert next(items) == "cvstudio-prefetch"
    assert names == ["cvstudio-prefetch"]
