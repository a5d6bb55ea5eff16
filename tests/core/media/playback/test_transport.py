from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cvstudio.media.playback.transport import Transport


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_plays_pauses_and_goes_on(clock):
    transport = Transport(10.0, clock)
    assert (transport.position_secs, transport.playing) == (0.0, False)
    clock.now += 5
    assert transport.position_secs == 0
    transport.play()
    clock.now += 2
    assert transport.position_secs == 2
    transport.play()
    clock.now += 1
    transport.pause()
    clock.now += 50
    assert (transport.position_secs, transport.playing) == (3.0, False)
    transport.toggle()
    clock.now += 4
    assert (transport.position_secs, transport.playing) == (7.0, True)
    transport.toggle()
    assert not transport.playing


def test_stops_at_the_end_and_begins_again(clock):
    transport = Transport(10.0, clock)
    transport.play()
    clock.now += 10.5
    assert not transport.playing
    assert transport.position_secs == 10
    transport.play()
    assert (transport.position_secs, transport.playing) == (0.0, True)


def test_seek_goes_on_playing_and_keeps_within_the_ends(clock):
    transport = Transport(10.0, clock)
    transport.play()
    transport.seek(4)
    clock.now += 1
    assert transport.position_secs == 5
    transport.seek(-3)
    assert transport.position_secs == 0
    transport.pause()
    transport.seek(99)
    assert transport.position_secs == 10


def test_step_pauses(clock):
    transport = Transport(10.0, clock)
    transport.play()
    clock.now += 3
    transport.step(-1)
    clock.now += 9
    assert (transport.position_secs, transport.playing) == (2.0, False)
    transport.step(0.5)
    assert transport.position_secs == 2.5


def test_speed_holds_from_where_it_is_changed(clock):
    transport = Transport(100.0, clock)
    transport.play()
    clock.now += 10
    transport.speed = 0.5
    assert transport.position_secs == 10
    clock.now += 10
    assert transport.position_secs == 15
    transport.speed = 4
    clock.now += 5
    assert transport.position_secs == 35


def test_a_clock_that_goes_back_does_not_move_it(clock):
    transport = Transport(10.0, clock)
    transport.seek(5)
    transport.play()
    clock.now -= 3
    assert transport.position_secs == 5


def test_loop(clock):
    transport = Transport(10.0, clock)
    transport.loop = (2.0, 5.0)
    transport.play()
    clock.now += 4.5
    assert transport.position_secs == 4.5
    clock.now += 0.5
    assert transport.position_secs == 2
    clock.now += 7
    assert transport.position_secs == 3
    transport.loop = None
    clock.now += 6
    assert transport.position_secs == 9
    clock.now += 6
    assert not transport.playing


def test_a_loop_over_everything_never_ends(clock):
    transport = Transport(10.0, clock)
    transport.loop = (0.0, 99.0)
    assert transport.loop == (0.0, 10.0)
    transport.play()
    clock.now += 1003
    assert (transport.position_secs, transport.playing) == (3.0, True)


def test_playing_past_the_out_goes_into_the_loop(clock):
    transport = Transport(10.0, clock)
    transport.loop = (2.0, 5.0)
    transport.seek(9)
    assert transport.position_secs == 9
    transport.play()
    assert 2 <= transport.position_secs < 5


def test_nothing_to_play(clock):
    transport = Transport(0.0, clock)
    transport.play()
    assert (transport.position_secs, transport.playing) == (0.0, False)


@pytest.mark.parametrize("duration", [-1.0, float("nan"), float("inf")])
def test_an_impossible_duration_is_refused(duration):
    with pytest.raises(ValueError, match="duration"):
        Transport(duration)


def test_impossible_speeds_and_loops_are_refused():
    transport = Transport(10.0)
    for speed in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="speed"):
            transport.speed = speed
    for loop in ((5.0, 5.0), (6.0, 5.0), (20.0, 30.0)):
        with pytest.raises(ValueError, match="in before the out"):
            transport.loop = loop
    assert (transport.speed, transport.loop) == (1.0, None)


def test_who_leads_tells_the_position_and_the_clock_takes_over_from_there(clock):
    transport = Transport(60.0, clock)
    told: list[float | None] = [3.0]
    transport.play()
    clock.now += 1
    transport.follow(lambda: told[0])
    assert transport.position_secs == 3
    clock.now += 5
    assert transport.position_secs == 3
    told[0] = 4.25
    assert transport.position_secs == 4.25
    told[0] = None
    clock.now += 2
    assert transport.position_secs == 6.25
    told[0] = 8.0
    assert transport.position_secs == 8
    clock.now += 3
    transport.follow(None)
    assert transport.position_secs == 8
    clock.now += 1
    assert transport.position_secs == 9


def test_who_leads_is_not_asked_while_paused(clock):
    transport = Transport(60.0, clock)
    transport.follow(lambda: 9.0)
    assert transport.position_secs == 0
    transport.play()
    assert transport.position_secs == 9
    transport.pause()
    transport.follow(lambda: 20.0)
    assert transport.position_secs == 9


def test_the_leader_reaching_the_end_stops(clock):
    transport = Transport(6.0, clock)
    transport.play()
    transport.follow(lambda: 6.0)
    assert not transport.playing
    assert transport.position_secs == 6


def test_who_leads_is_told_of_seeks_and_loops(clock):
    transport = Transport(10.0, clock)
    transport.loop = (2.0, 5.0)
    place = [4.0]
    jumps: list[float] = []

    def jump(secs: float) -> None:
        jumps.append(secs)
        place[0] = secs

    transport.follow(lambda: place[0], jump)
    transport.seek(1)
    assert jumps == []
    transport.play()
    assert transport.position_secs == 4
    place[0] = 5.5
    assert transport.position_secs == 2.5
    assert transport.position_secs == 2.5
    assert jumps == [2.5]
    transport.seek(3)
    assert jumps == [2.5, 3]


def test_a_leader_that_has_fallen_silent_is_told_when_the_loop_begins_again(clock):
    transport = Transport(10.0, clock)
    transport.loop = (0.0, 10.0)
    jumps: list[float] = []
    transport.follow(lambda: None, jumps.append)
    transport.play()
    for _ in range(25):
        clock.now += 1
        assert 0 <= transport.position_secs < 10
    assert jumps == [0.0, 0.0]


def test_no_thread_is_started():
    before = threading.active_count()
    Transport(10.0).play()
    assert threading.active_count() == before


@given(
    start=st.integers(0, 400),
    length=st.integers(1, 400),
    ticks=st.lists(st.integers(0, 5000), max_size=20),
)
def test_loops_are_exact(start, length, ticks):
    """In 64ths of a second, which binary numbers hold exactly: no loop may lose or gain anything."""
    clock = FakeClock()
    transport = Transport(20.0, clock)
    stop = start + length
    transport.loop = (start / 64, stop / 64)
    transport.play()
    elapsed = 0
    for tick in ticks:
        clock.now += tick / 64
        elapsed += tick
        expected = elapsed if elapsed < stop else start + (elapsed - start) % length
        assert transport.position_secs == expected / 64


times = st.floats(0, 30)


class AnyUse(RuleBasedStateMachine):
    """Whatever is done, the position stays within the medium and, while the loop holds it, within the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.transport = Transport(20.0, self.clock)
        self.place: float | None = None
        self.jumps = 0

    @rule(secs=times)
    def wait(self, secs: float) -> None:
        before, was_playing = self.transport.position_secs, self.transport.playing
        self.clock.now += secs
        if not was_playing:
            assert self.transport.position_secs == before
        elif self.transport.loop is None and self.place is None:
            assert self.transport.position_secs >= before

    @rule()
    def play(self) -> None:
        self.transport.play()

    @rule()
    def pause(self) -> None:
        before = self.transport.position_secs
        self.transport.pause()
        assert not self.transport.playing
        if self.place is None and self.transport.loop is None:
            assert self.transport.position_secs == before

    @rule(secs=st.floats(-5, 30))
    def seek(self, secs: float) -> None:
        self.transport.seek(secs)

    @rule(secs=st.floats(-5, 5))
    def step(self, secs: float) -> None:
        self.transport.step(secs)

    @rule(speed=st.floats(0.1, 8))
    def change_speed(self, speed: float) -> None:
        self.transport.speed = speed

    @rule(start=st.floats(0, 18), length=st.floats(0.01, 30))
    def set_loop(self, start: float, length: float) -> None:
        self.transport.loop = (start, start + length)

    @rule()
    def end_loop(self) -> None:
        self.transport.loop = None

    @rule(secs=st.none() | times)
    def lead(self, secs: float | None) -> None:
        self.place = secs
        self.transport.follow(lambda: self.place, self.jump)

    def jump(self, secs: float) -> None:
        self.jumps += 1
        if self.place is not None:
            self.place = secs

    @precondition(lambda self: self.place is not None)
    @rule(secs=times)
    def leader_goes_on(self, secs: float) -> None:
        assert self.place is not None
        self.place += secs

    @invariant()
    def within(self) -> None:
        position = self.transport.position_secs
        assert 0 <= position <= 20
        if self.transport.playing and self.transport.loop is not None:
            assert self.transport.position_secs <= self.transport.loop[1]


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
