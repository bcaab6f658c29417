r"""Stop it, mend it, resume it: what has ended is kept, and only the rest runs.

A shop adds up a year of orders in euros, a task for each month. In August somebody paid in a
currency that `rates.txt` does not list: that month fails, and with it the run. Write the rate into
the file and resume: the same run goes on, with that month and what comes after it. All is kept in
`.taskflow`, a folder of your project; what is cached, other runs use, too, here for a day.

Try:  printf 'EUR 1\nSEK 11.1\nCZK 25.2\n' > rates.txt; taskflow run examples/16_resume.py
"""

import random
from pathlib import Path

import taskflow
from taskflow import pipeline, task

Orders = list[tuple[float, str]]  # amounts, with their currencies


@task(cache=True, ttl="1d")
def orders(month: int, year: int) -> Orders:
    """The orders of a month, as if they came from a slow server."""
    chance = random.Random(f"{year}-{month}")
    currencies = ["EUR", "SEK", "CZK"]
    paid: Orders = [(chance.randint(5, 500), chance.choice(currencies)) for _ in range(1000)]
    return [*paid, (12_500, "ISK")] if month == 8 else paid


@task
def in_euros(paid: Orders, rates: Path) -> float:
    """What was paid in a month, in euros, at the rates in a file: so much for one euro."""
    per_euro = dict(line.split() for line in rates.read_text().splitlines())
    return sum(amount / float(per_euro[currency]) for amount, currency in paid)


@task
def report(months: list[float]) -> str:
    """The year in one line."""
    return f"{sum(months):,.0f} euros in {len(months)} months"


@pipeline
def accounts(year: int = 2025, rates: Path = Path("rates.txt")) -> str:
    """Add up a year, in euros."""
    paid = orders.map(range(1, 13), year=year)
    return report(in_euros.map(paid, rates=rates))


if __name__ == "__main__":
    print(taskflow.run(accounts))
