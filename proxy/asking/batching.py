"""Questions to a server that were cut into several, asked a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

_AT_ONCE = 8

Part = TypeVar("Part")
Found = TypeVar("Found")


async def in_order(ask: Callable[[Part], Awaitable[Found]], parts: Sequence[Part]) -> list[Found]:
    """What each part brought, in the order of the parts. The first failure breaks the others off."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def take_turn(part: Part) -> Found:
        async with turns:
            return await ask(part)

    if len(parts) == 1:
        return [await ask(parts[0])]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(take_turn(part)) for part in parts]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
