"""What a grid says: means with deviations over seeds, and differences and ratios paired by seed."""

from __future__ import annotations

from math import exp, log, sqrt
from statistics import mean, stdev

from benchmarks.arms.grid import COST, Results, Study
from benchmarks.table import Row

STUDENT = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776}
"""Seeds → Student's t that holds 95 % of both sides."""


def values(results: Results, arm: str, metric: str) -> dict[int, float]:
    """Seed → the arm's figure, of the seeds that have it."""
    return {
        run.seed: figures[metric]
        for run, figures in sorted(results.items(), key=lambda item: item[0].seed)
        if run.arm == arm and metric in figures
    }


def differences(results: Results, arm: str, first: str, metric: str) -> dict[int, float]:
    """Seed → what the arm has more than the first, of the seeds that both have."""
    base = values(results, first, metric)
    mine = values(results, arm, metric)
    return {seed: value - base[seed] for seed, value in mine.items() if seed in base}


def ratio(results: Results, arm: str, first: str, metric: str) -> tuple[float, float, float] | None:
    """What the arm has in shares of the first, and the 95 % interval of that.

    By Student's t on logarithms of ratios within seeds; None where that says nothing: of one
    seed, of more than `STUDENT` lists, or where a figure is not above 0.
    """
    base, mine = values(results, first, metric), values(results, arm, metric)
    pairs = [(mine[seed], base[seed]) for seed in mine if seed in base]
    if len(pairs) not in STUDENT or any(min(pair) <= 0 for pair in pairs):
        return None
    logs = [log(one / other) for one, other in pairs]
    middle = mean(logs)
    half = STUDENT[len(logs)] * stdev(logs) / sqrt(len(logs))
    return exp(middle), exp(middle - half), exp(middle + half)


def deviation(found: dict[int, float]) -> float | None:
    """Standard deviation of a sample; None of fewer than two."""
    return stdev(found.values()) if len(found) > 1 else None


def said(found: dict[int, float], *, sign: bool = False) -> str:
    """``.123 ± .004``, with a sign before differences; nothing where there is nothing."""
    if not found:
        return ""
    spread = deviation(found)
    form = "+.3f" if sign else ".3f"
    return f"{mean(found.values()):{form}}" + ("" if spread is None else f" ± {spread:.3f}")


def show(study: Study, results: Results) -> None:
    """Print the means, and below them the differences to the first arm."""
    arms = [arm for arm in study.arms if any(run.arm == arm for run in results)]
    first = study.arms[0]
    print(f"{study.question}\n")
    print(f"| arm | {' | '.join([*study.metrics.values(), *COST.values(), 'seeds'])} |")
    print("|---" * (len(study.metrics) + len(COST) + 2) + "|")
    for arm in arms:
        cells = [said(values(results, arm, metric)) for metric in study.metrics]
        costs = [values(results, arm, name) for name in COST]
        cells += [f"{mean(cost.values()):,.0f}" if cost else "" for cost in costs]
        seeds = sum(run.arm == arm for run in results)
        print(f"| {arm} | {' | '.join([*cells, str(seeds)])} |")
    if first not in arms or len(arms) < 2:
        return
    _compare(study, results, arms)


def _compare(study: Study, results: Results, arms: list[str]) -> None:
    first, *others = arms
    head = f"| arm | {' | '.join(study.metrics.values())} |\n" + "|---" * (len(study.metrics) + 1)
    print(f"\nDifference to `{first}`, paired by seed:\n\n{head}|")
    for arm in others:
        found = [differences(results, arm, first, metric) for metric in study.metrics]
        print(f"| {arm} | {' | '.join(said(each, sign=True) for each in found)} |")
    print(f"\nRatio to `{first}`, paired by seed, with its 95 % interval:\n\n{head}|")
    for arm in others:
        ratios = [ratio(results, arm, first, metric) for metric in study.metrics]
        cells = [f"{each[0]:.2f} ({each[1]:.2f}, {each[2]:.2f})" if each else "" for each in ratios]
        print(f"| {arm} | {' | '.join(cells)} |")


def rows(study: Study, results: Results) -> list[Row]:
    """A row for each arm and metric; the alternative is the first arm's mean."""
    first = study.arms[0]
    found = []
    for arm in study.arms:
        for metric, label in study.metrics.items():
            mine, base = values(results, arm, metric), values(results, first, metric)
            if not mine:
                continue
            difference = differences(results, arm, first, metric)
            detail: dict[str, object] = {
                "study": study.name,
                "metric": metric,
                "seeds": mine,
                "deviation": deviation(mine),
                "difference": mean(difference.values()) if difference else None,
                "deviation of the difference": deviation(difference),
                "ratio with its 95 % interval": ratio(results, arm, first, metric),
                "cost": {name: values(results, arm, name) for name in COST},
            }
            other = {first: mean(base.values())} if base and arm != first else {}
            found.append(Row(arm, label, mean(mine.values()), other, detail=detail))
    return found
