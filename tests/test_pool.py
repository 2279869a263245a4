import os
import signal
import time

import pytest

from vlkit.errors import DamagedInput, UnknownName
from vlkit.reading.pool import Pool, Task


def start() -> None: ...


def double(number: int) -> int:
    time.sleep(0.01)
    return 2 * number


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse(name: str) -> None:
    raise UnknownName("thing", name, ["known"])


def drain(pool: Pool) -> dict[object, object]:
    results = {}
    while len(pool):
        results |= {task.key: value for task, value in pool.take()}
    return results


def test_a_task_that_kills_its_process_costs_itself_alone() -> None:
    with Pool(2, start) as pool:
        for number in range(12):
            pool.submit(Task(number, die if number in (3, 7) else double, (number,)))
        results = drain(pool)
        pool.submit(Task("after", double, (50,)))
        results |= drain(pool)
    for number in range(12):
        if number in (3, 7):
            assert isinstance(results[number], DamagedInput)
        else:
            assert results[number] == 2 * number
    assert results["after"] == 100


def test_errors_cross_the_process_whole() -> None:
    with Pool(1, start) as pool:
        pool.submit(Task("a", refuse, ("knwon",)))
        error = drain(pool)["a"]
    assert isinstance(error, UnknownName)
    assert str(error) == "unknown thing 'knwon'. Did you mean 'known'? Known: known."


def test_the_pool_must_be_entered() -> None:
    with pytest.raises(AssertionError, match="with"):
        Pool(1, start).submit(Task(0, double, (1,)))
