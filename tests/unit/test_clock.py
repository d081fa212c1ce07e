"""The clock of the daemon: it goes with the machine's, but not along when that jumps ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mailgate import clock as under_test
from mailgate.clock import STEP, Clock

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
NONE = timedelta()
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=s) for s in (1, 60, 3600, 86_400))


class Machine:
    """A machine whose clock can be set."""

    def __init__(self) -> None:
        self.wall = NOW
        self.ran = HOUR
        self.clock = Clock(lambda: self.wall, lambda: self.ran)

    def run(self, span: timedelta) -> None:
        self.wall += span
        self.ran += span

    def set(self, ahead: timedelta) -> None:
        self.wall += ahead


def test_it_goes_with_the_clock_of_the_machine() -> None:
    machine = Machine()
    for _ in range(100):
        machine.run(DAY)
        assert (machine.clock(), machine.clock.step) == (machine.wall, NONE)


def test_a_small_correction_is_followed() -> None:
    machine = Machine()
    machine.set(59 * MINUTE)
    assert (machine.clock(), machine.clock.step) == (machine.wall, NONE)


def test_a_jump_ahead_is_not_followed_until_somebody_says_so() -> None:
    machine = Machine()
    machine.set(DAY)
    assert machine.clock() == NOW
    machine.run(MINUTE)
    assert (machine.clock(), machine.clock.step) == (NOW + MINUTE, DAY)

    machine.clock.follow(DAY)
    assert (machine.clock(), machine.clock.step) == (machine.wall, NONE)


def test_a_second_jump_before_the_first_was_followed_is_a_jump_of_its_own() -> None:
    machine = Machine()
    machine.set(DAY)
    step = machine.clock.step
    machine.set(DAY)
    machine.clock.follow(step)
    assert (machine.clock(), machine.clock.step) == (NOW + DAY, DAY)


def test_small_steps_within_a_day_add_up() -> None:
    machine = Machine()
    machine.set(40 * MINUTE)
    machine.clock()
    machine.run(HOUR)
    machine.set(30 * MINUTE)
    assert (machine.clock(), machine.clock.step) == (machine.wall - 30 * MINUTE, 30 * MINUTE)


def test_small_steps_of_many_days_do_not() -> None:
    machine = Machine()
    for _ in range(30):
        machine.set(20 * MINUTE)
        machine.run(DAY)
        assert (machine.clock(), machine.clock.step) == (machine.wall, NONE)


def test_a_clock_that_is_set_back_is_followed_at_once() -> None:
    machine = Machine()
    machine.set(-3 * HOUR)
    assert (machine.clock(), machine.clock.step) == (NOW - 3 * HOUR, NONE)


def test_to_put_it_right_again_is_a_jump_ahead() -> None:
    machine = Machine()
    machine.set(-3 * HOUR)
    machine.clock()
    machine.set(3 * HOUR)
    assert (machine.clock(), machine.clock.step) == (NOW - 3 * HOUR, 3 * HOUR)


def test_a_jump_that_was_taken_back_never_happened() -> None:
    machine = Machine()
    machine.set(DAY)
    machine.clock()
    machine.set(-DAY)
    assert (machine.clock(), machine.clock.step) == (NOW, NONE)


def test_what_another_process_knew_of_the_clock_can_be_taken_up() -> None:
    machine = Machine()
    before = machine.clock.started
    assert before == NOW - HOUR
    machine.set(DAY)
    clock = Clock(lambda: machine.wall, lambda: machine.ran)
    assert clock.step == NONE
    clock.remember(before)
    assert (clock(), clock.step, clock.started) == (NOW, DAY, before)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(-(10**6), 10**6)), max_size=50))
def test_nothing_that_happens_to_a_clock_makes_more_than_an_hour_in_a_day(happens: list[tuple[int, int]]) -> None:
    """However it is set: what we tell between two moments is what passed, and the hour that is let go each day."""
    machine = Machine()
    lowest, passed = NOW, 0
    for ran_s, set_s in happens:
        machine.run(timedelta(seconds=ran_s))
        passed += ran_s
        lowest += timedelta(seconds=ran_s)
        machine.set(timedelta(seconds=set_s))
        told = machine.clock()
        lowest = min(lowest, told)
        assert told <= lowest + STEP * (2 + passed / DAY.total_seconds())
        assert machine.clock.step >= NONE


def test_the_clocks_of_this_machine_are_read() -> None:
    before = under_test.wall()
    told = Clock()()
    assert before <= told <= under_test.wall()
    assert under_test.since_start() > NONE
    assert under_test.boot() == under_test.boot()
