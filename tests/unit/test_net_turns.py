"""Slots that many share: who takes long waits for himself, and nobody is forgotten."""

from __future__ import annotations

import asyncio
from collections import Counter

from mailgate.net.turns import Turns


class Crowd:
    """People who take a slot and keep it until told to leave."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.inside: list[str] = []
        self.order: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def come(self, *names: str) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self._stay(name)) for name in names]
        self.tasks += tasks
        await self.pause()
        return tasks

    async def pause(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def go(self, *names: str) -> None:
        """One of each name leaves."""
        for name in names:
            next(task for task in self.tasks if task.get_name() == f"in {name}" and not task.done()).cancel()
            await self.pause()

    async def _stay(self, name: str) -> None:
        async with self.turns.turn(name):
            current = asyncio.current_task()
            assert current
            current.set_name(f"in {name}")
            self.inside.append(name)
            self.order.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                self.inside.remove(name)

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_one_name_has_only_its_share() -> None:
    crowd = Crowd(Turns(10, each=3))
    await crowd.come(*"aaaaa", "b")

    assert Counter(crowd.inside) == {"a": 3, "b": 1}
    await crowd.end()


async def test_the_reserve_is_for_those_who_have_nothing() -> None:
    crowd = Crowd(Turns(5, each=5, reserved=2))
    await crowd.come(*"aaaaa")

    assert Counter(crowd.inside) == {"a": 3}

    await crowd.come("b", "c", "d")

    assert Counter(crowd.inside) == {"a": 3, "b": 1, "c": 1}
    await crowd.end()


async def test_names_are_let_in_by_turns() -> None:
    crowd = Crowd(Turns(1, each=1))
    await crowd.come("x", *"aaa", *"bb", "c")
    for name in ("x", "a", "b", "c", "a", "b"):
        await crowd.go(name)

    assert crowd.order == ["x", "a", "b", "c", "a", "b", "a"]
    await crowd.end()


async def test_who_loses_patience_takes_no_slot_along() -> None:
    crowd = Crowd(Turns(1, each=1))
    await crowd.come("x")
    impatient = await crowd.come("a", "a")
    for one in impatient:
        one.cancel()
    await crowd.pause()
    await crowd.come("b")
    await crowd.go("x")

    assert crowd.inside == ["b"]
    await crowd.end()


async def test_who_is_called_and_leaves_in_the_same_moment_gives_back() -> None:
    turns = Turns(1, each=1)
    crowd = Crowd(turns)
    (holder,) = await crowd.come("x")
    (called,) = await crowd.come("a")
    holder.cancel()
    await asyncio.sleep(0)
    called.cancel()
    await crowd.pause()

    async with asyncio.timeout(1), turns.turn("b"):
        pass
    await crowd.end()


async def test_after_everything_all_is_free() -> None:
    turns = Turns(3, each=2, reserved=1)
    crowd = Crowd(turns)
    await crowd.come(*"aaabbbcccddd")
    await crowd.end()

    assert turns._total == 0
    assert not turns._taken
    assert not [turn for waiting in turns._waiting.values() for turn in waiting if not turn.done()]
