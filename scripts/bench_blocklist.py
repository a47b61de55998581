"""What the blocklist costs: to load, to ask, at its worst, while it is exchanged, in a proxy.

    python scripts/bench_blocklist.py --lists FILE… --hosts FILE… --requests FILE
        [--rounds 5] [--seconds 3] [--only load,decide,hosts,worst,reload,proxy] [--json FILE]

Lists are of Adblock rules, hosts files of hosts or domains, requests JSON lines
(also .xz) with ``url``, ``frameUrl`` and ``cpt``; what is not given is generated
(seed 7).  Units stand beside the figures.  Loads and reloads run each in a
process of its own; ratios are of turns taken in one process; figures are
medians of the rounds, as the machine's speed drifts.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import http.client
import itertools
import json
import lzma
import multiprocessing
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "addons"), str(ROOT / "scripts")]

import bench_proxy  # noqa: E402

from forebay import regexes  # noqa: E402
from forebay.blocklist import load, resource  # noqa: E402
from forebay.blocklist.matcher import Matcher  # noqa: E402
from forebay.blocklist.parse import parse_line  # noqa: E402
from forebay.blocklist.request import Request  # noqa: E402
from forebay.blocklist.rule import NetworkRule, Rule, Source  # noqa: E402
from forebay.errors import RuleError  # noqa: E402

try:
    import adblock
except ImportError:
    adblock = None

SPAWN = multiprocessing.get_context("spawn")
MANY_HOSTS = 500_000
LONG_URL = 8192
TURN = 1000
OUR_TYPES = {
    "xhr": "xmlhttprequest",
    "fetch": "xmlhttprequest",
    "texttrack": "media",
    "manifest": "other",
}
THEIR_TYPES = {**OUR_TYPES, "fetch": "fetch"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; *asked* is such as ``< 5`` or empty."""

    name: str
    value: float
    unit: str = ""
    asked: str = ""

    @property
    def verdict(self) -> str:
        """Whether the number is as asked, in a word."""
        if not self.asked:
            return ""
        sign, limit = self.asked.split()
        limit = float(limit)
        holds = {
            "<": self.value < limit,
            "<=": self.value <= limit,
            ">=": self.value >= limit,
        }[sign]
        return "ok" if holds else "MISSED"


@dataclass(slots=True)
class Table:
    """The figures of one section, and lines of notes below them."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, values: float | Iterable[float], unit: str = "", asked: str = ""):
        """Add the median of *values*."""
        value = values if isinstance(values, (int, float)) else statistics.median(values)
        self.figures.append(Figure(name, float(f"{value:.5g}"), unit, asked))

    def print(self) -> None:
        """Print it, its columns aligned."""
        print(f"\n{self.title}")
        width = max((len(figure.name) for figure in self.figures), default=0)
        for each in self.figures:
            asked = f"asked {each.asked}" if each.asked else ""
            line = (
                f"  {each.name:{width}}  {each.value:>10g} {each.unit:5}  {asked:14} {each.verdict}"
            )
            print(line.rstrip())
        for note in self.notes:
            print(f"    {note}")
        sys.stdout.flush()

    def as_json(self) -> dict:
        """Return it in plain types."""
        figures = [{**asdict(each), "verdict": each.verdict} for each in self.figures]
        return {"title": self.title, "figures": figures, "notes": self.notes}


@dataclass(frozen=True, slots=True)
class Data:
    """What is measured with."""

    lists: tuple[Path, ...]
    hosts: Path
    requests: list[dict[str, str]]
    folder: Path
    rounds: int
    seconds: float


# Data.


def files_of(paths: Iterable[Path]) -> tuple[load.ListFile, ...]:
    return tuple(load.ListFile(path.stem, path, trusted=False) for path in paths)


def read_requests(path: Path) -> list[dict[str, str]]:
    with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as lines:
        return [json.loads(line) for line in lines]


def lines_of(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        with path.open(encoding="utf-8", errors="replace") as lines:
            yield from lines


def write_many_hosts(hosts: Iterable[str], path: Path) -> Path:
    """Write as many hosts as asked for: those given, and then names below them."""
    base = list(dict.fromkeys(hosts))
    rounds = (base if not i else [f"n{i}.{host}" for host in base] for i in itertools.count())
    many = dict.fromkeys(itertools.islice(itertools.chain.from_iterable(rounds), MANY_HOSTS))
    path.write_text("".join(f"{host}\n" for host in many), encoding="utf-8")
    return path


def words(chance: random.Random) -> str:
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(4, 9)))


def generated_list(path: Path) -> Path:
    """Write 111,000 rules in about the proportions of public lists."""
    chance = random.Random(7)
    with path.open("w", encoding="utf-8") as file:
        for n in range(111_000):
            word, kind = words(chance), n % 100
            host = f"{word}{n}.example"
            file.write(
                f"||{host}^\n" if kind < 88
                else f"||{host}^$third-party\n" if kind < 92
                else f"/{word}/ad_{n}.\n" if kind < 95
                else f"||{host}/{word}/*/x.js$script\n" if kind < 97
                else f"-{word}{n}-banner^$image,domain={words(chance)}.example\n" if kind < 99
                else f"@@||{host}/ok/\n"
            )  # fmt: skip
    return path


def generated_requests(lists: tuple[Path, ...]) -> list[dict[str, str]]:
    """Return requests of which about a third are for hosts that *lists* name."""
    chance = random.Random(7)
    named = [line[2:].split("^")[0] for line in lines_of(lists) if re.match(r"\|\|[^/*$]+\^", line)]
    # As many hosts and pages as a day of browsing has, each of them asked often.
    hosts = chance.sample(named, min(500, len(named)))
    hosts += [f"{words(chance)}.{words(chance)}.example" for _ in range(1000)]
    pages = [f"https://{words(chance)}.example/" for _ in range(300)]
    kinds = ["image", "script", "xhr", "stylesheet", "font", "other"]
    return [
        {
            "url": f"https://{chance.choice(hosts)}/{words(chance)}/{words(chance)}.js"
            f"?{words(chance)}={n}&u={words(chance)}",
            "frameUrl": chance.choice(pages),
            "cpt": chance.choice(kinds),
        }
        for n in range(20_000)
    ]


# 1. Load.


def memory_mb(name: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    return int(found[1]) / 1000 if found else 0.0


def alone(function: Callable, *arguments: object):
    """Return what *function* returns in a fresh process."""
    with SPAWN.Pool(1) as pool:
        return pool.apply(function, arguments)


def weighed(make: Callable[[], object]) -> tuple[float, float, float, object]:
    """Return the seconds of *make*, the megabytes at its peak and those that stay."""
    before, started = memory_mb("VmRSS"), time.perf_counter()
    made = make()
    seconds = time.perf_counter() - started
    return seconds, memory_mb("VmHWM") - before, memory_mb("VmRSS") - before, made


def load_ours(paths: tuple[Path, ...]) -> tuple[float, float, float, float, int]:
    started = time.process_time()
    seconds, peak_mb, kept_mb, rules = weighed(lambda: load.load(files_of(paths)))
    cpu_s = time.process_time() - started
    return seconds, cpu_s, peak_mb, kept_mb, sum(rules.counts.values())


def engine(paths: Iterable[Path]):
    filters = adblock.FilterSet()
    for path in paths:
        filters.add_filter_list(path.read_text(encoding="utf-8", errors="replace"))
    return adblock.Engine(filters)


def load_theirs(paths: tuple[Path, ...]) -> tuple[float, float, float]:
    return weighed(lambda: engine(paths))[:3]


def measure_load(data: Data) -> Table:
    ours, theirs = [], []
    for _ in range(data.rounds):
        ours.append(alone(load_ours, data.lists))
        if adblock:
            theirs.append(alone(load_theirs, data.lists))
    seconds, cpu_s, peaks, kept, counts = zip(*ours, strict=True)
    table = Table(f"1. load: {counts[0]:,} rules, each time in a fresh process")
    table.add("forebay", seconds, "s", "< 1")
    table.add("forebay, fastest round", min(seconds), "s")
    table.add("forebay, CPU time", cpu_s, "s")
    table.add("forebay, RSS growth at the peak", peaks, "MB", "< 80")
    table.add("forebay, RSS growth that stays", kept, "MB")
    if theirs:
        seconds, peaks, kept = zip(*theirs, strict=True)
        table.add("adblock", seconds, "s")
        table.add("adblock, RSS growth at the peak", peaks, "MB")
        table.add("adblock, RSS growth that stays", kept, "MB")
    return table


# 2. Decide.


def timed(call: Callable, items: Iterable[tuple]) -> tuple[list[int], list]:
    """Return the nanoseconds of each *call*, and what it returned."""
    clock = time.perf_counter_ns
    spent, found = [], []
    for item in items:
        started = clock()
        value = call(*item)
        spent.append(clock() - started)
        found.append(value)
    return spent, found


def in_turns(*calls: tuple[Callable, list[tuple]]) -> list[tuple[list[int], list]]:
    """Go through the items of all *calls* in turns of some at once; see `timed`."""
    results: list[tuple[list[int], list]] = [([], []) for _ in calls]
    for start in range(0, len(calls[0][1]), TURN):
        order = list(enumerate(calls))
        for i, (call, items) in order if start // TURN % 2 else reversed(order):
            spent, found = timed(call, items[start : start + TURN])
            results[i][0].extend(spent)
            results[i][1].extend(found)
    return results


def part_us(spent: list[int], share: float) -> float:
    return sorted(spent)[int(len(spent) * share)] / 1e3


def measure_decide(data: Data) -> Table:
    matcher = load.load(files_of(data.lists)).matcher

    def ours(url: str, source: str | None, kind: str):
        return matcher.decide(Request.of(url, source=source, type=kind))

    asked = [
        (each["url"], each["frameUrl"] or None, OUR_TYPES.get(each["cpt"], each["cpt"]))
        for each in data.requests
    ]
    table = Table(f"2. decide: {len(asked):,} requests, each round the second pass or a later one")
    calls = [(ours, asked)]
    if adblock:
        calls.append((
            engine(data.lists).check_network_urls,
            [(r["url"], r["frameUrl"], THEIR_TYPES.get(r["cpt"], r["cpt"])) for r in data.requests],
        ))  # fmt: skip
    first = in_turns(*calls)
    rounds = [in_turns(*calls) for _ in range(data.rounds)]
    means = [[statistics.fmean(spent) / 1e3 for spent, _ in each] for each in rounds]
    halves = [[part_us(spent, 0.5) for spent, _ in each] for each in rounds]
    slows = [[part_us(spent, 0.99) for spent, _ in each] for each in rounds]
    for i, name in enumerate(("forebay", "adblock")[: len(calls)]):
        table.add(f"{name}, mean", (each[i] for each in means), "us")
        table.add(f"{name}, p50", (each[i] for each in halves), "us")
        table.add(f"{name}, p99", (each[i] for each in slows), "us")
        table.add(f"{name}, mean of the first pass", statistics.fmean(first[i][0]) / 1e3, "us")
    verdicts = rounds[-1][0][1]
    table.add("forebay, blocked", sum(verdict.blocked for verdict in verdicts))
    if adblock:
        table.add("ratio of means", (a / b for a, b in means), "", "<= 2.5")
        table.add("ratio of p99", (a / b for a, b in slows), "", "<= 3")
        compare(table, data, matcher, asked, [v.blocked for v in verdicts], rounds[-1][1][1])
    else:
        table.notes.append("no adblock package here: nothing to compare with")
    return table


def compare(
    table: Table, data: Data, matcher: Matcher, asked: list[tuple], ours: list[bool], theirs: list
) -> None:
    """Add how often both agree, and a line for each class of differences."""
    known = [i for i, each in enumerate(data.requests) if each["frameUrl"].startswith("http")]
    differ = [i for i in range(len(asked)) if ours[i] != theirs[i].matched]
    table.add("adblock, blocked", sum(each.matched for each in theirs))
    differ_known = sorted(set(differ).intersection(known))
    equal = 100 * (1 - len(differ_known) / len(known))
    table.add(f"equal of {len(known):,} with known source", equal, "%", ">= 99.95")
    table.add("equal of all", 100 * (1 - len(differ) / len(asked)), "%")
    classes: dict[str, list[int]] = {}
    for i in differ:
        kind = class_of(matcher, asked[i], ours[i])
        classes.setdefault(kind if i in differ_known else f"source unknown: {kind}", []).append(i)
    for kind, found in sorted(classes.items(), key=lambda each: -len(each[1])):
        table.notes.append(f"{len(found):4} times: {kind}")
        url, source, _ = asked[found[0]]
        rules = ", ".join(
            match.cited.rule[:80] for match in matcher.explain(request_of(asked[found[0]]))
        )
        table.notes.append(f"       {url:.90} on {source or '(no page)':.50} by {rules:.160}")


def request_of(item: tuple, kind: str | None = None) -> Request:
    url, source, its_kind = item
    return Request.of(url, source=source, type=kind or its_kind)


def class_of(matcher: Matcher, item: tuple, ours: bool) -> str:
    """Return in words why *item* may be judged otherwise by others."""
    url, source, kind = item
    side = "only forebay blocks" if ours else "only adblock blocks"
    if kind == "document" and ours:
        saved = (matcher.decide(request_of(item, other)).exception for other in resource.TYPES)
        for exception in filter(None, saved):
            return (
                f"document, {side}: an exception that is not about documents, which adblock "
                f"applies to them all the same: {exception.rule:.80}"
            )
    if source is None or not source.startswith("http"):
        for same_site, words in ((False, "of another site"), (True, "of the same site")):
            request = Request.of(url, type=kind, same_site=same_site)
            if matcher.decide(request).blocked != ours:
                return f"{side}: forebay too would judge so of a page {words}"
        return f"{side}: not by the page's site alone, so by a rule that names pages"
    return f"{kind}, {side}"


# 3. Hosts.


def ask_hosts(hosts: Path, rounds: int, seed: int) -> dict[str, list[float]]:
    """Return the load's seconds and megabytes, and microseconds of lookups."""
    seconds, peak_mb, kept_mb, rules = weighed(lambda: load.load(files_of((hosts,))))
    matcher = rules.matcher
    names = hosts.read_text(encoding="utf-8").split()
    chance = random.Random(seed)
    found: dict[str, list[float]] = {"s": [seconds], "peak": [peak_mb], "kept": [kept_mb]}
    found["rules"] = [sum(rules.counts.values())]
    index = matcher._blocks  # noqa: SLF001  (its lookup alone is asked for)

    def each_us(call: Callable, requests: list[Request]) -> float:
        started = time.perf_counter()
        for request in requests:
            call(request)
        return (time.perf_counter() - started) / len(requests) * 1e6

    for n in range(rounds):
        for kind in ("listed", "unlisted"):
            for name, call in (
                ("find", lambda request: index.find(request, -1)),
                ("decide", matcher.decide),
            ):
                # Other hosts each time, and fewer than are remembered.
                sample = (
                    chance.sample(names, 3000)
                    if kind == "listed"
                    else [f"www{i}.{name}{n}.example.com" for i in range(3000)]
                )
                requests = [Request.of(f"http://{host}/") for host in sample]
                # The second pass brings back what was forgotten during the first.
                passes = [each_us(call, requests) for _ in range(3)]
                found.setdefault(f"{name}, {kind}, cold", []).append(passes[0])
                found.setdefault(f"{name}, {kind}, warm", []).append(passes[2])
    return found


def measure_hosts(data: Data) -> Table:
    loads = [alone(ask_hosts, data.hosts, 3, seed) for seed in range(min(data.rounds, 3))]
    together = {key: [value for each in loads for value in each[key]] for key in loads[0]}
    table = Table(f"3. hosts: {together.pop('rules')[0]:,.0f}, each time in a fresh process")
    table.add("load", together.pop("s"), "s", "< 3")
    table.add("RSS growth at the peak", together.pop("peak"), "MB", "< 160")
    table.add("RSS growth that stays", together.pop("kept"), "MB")
    for key, values in together.items():
        table.add(key, values, "us", "< 3" if key.startswith("find") else "")
    return table


# 4. Worst.


def padded(start: str, filling: str) -> str:
    """Return *start* and as much of *filling* as makes a long URL."""
    filling = filling or "a"
    return (start + filling * (LONG_URL // len(filling) + 1))[:LONG_URL]


def long_urls(text: str, rule: NetworkRule) -> Iterator[str]:
    """Yield URLs that lead a search for *rule* far: made of its own pieces, complete and not."""
    start = f"https://{rule.host or 'a.b.c.example'}/"
    pattern = text.removeprefix("@@").rpartition("$")[0] or text.removeprefix("@@")
    pieces = [piece for piece in re.split(r"[*^|]+", pattern.lstrip("|")) if piece]
    whole = re.sub(r"[*|]", "", pattern.replace("^", "/"))
    literal = rule.literal
    if pattern.startswith("|"):
        yield padded(whole if "://" in whole[:8] else f"https://{whole.lstrip('/')}", "a")
    yield padded(start + whole.lstrip("/"), "a")
    yield padded(start, literal + "/")
    yield padded(start + literal + "/", whole)
    yield padded(start + literal + "/", whole[:-1])
    yield padded(start + literal + "/", pieces[0] if pieces else "a")
    yield padded(start + literal + "/", "a")
    if text.strip("@").startswith("/"):
        for filling in ("0", "/", ".", "a0", "a/", "-_"):
            yield padded(start + literal, filling)


def asks_for(rule: NetworkRule) -> str | None:
    """Return a page on which *rule* holds."""
    pages = rule.options.sources.meant if rule.options.sources else ()
    return f"https://{pages[0].removesuffix('.*')}.com/" if pages and pages[0].endswith("*") else (
        f"https://{pages[0]}/" if pages else None
    )  # fmt: skip


def shortest_ms(call: Callable[[], object], times: int = 3) -> float:
    """Return the milliseconds of the fastest of some calls, as others use the machine too."""
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best * 1e3


def first_ms(text: str, url: str) -> float:
    """Return the milliseconds of a rule's first use, when what it searches for is made."""
    parsed = parse_line(text)
    rule = Rule(0, parsed.mask, parsed)
    request = Request.of(url, source=asks_for(parsed))
    request.bit = parsed.mask
    re.purge()
    started = time.perf_counter()
    rule.matches(request)
    return (time.perf_counter() - started) * 1e3


type Slow = tuple[float, str, str]


def slowest_rules(texts: Iterable[str], urls: Iterable[str] = ()) -> tuple[int, int, list[Slow]]:
    """Return how many rules look at the URL, how many of them matched one, and their times."""
    tried, matched, found = 0, 0, []
    extra = list(urls)
    for text, parsed in parsed_with_text(texts):
        tried += 1
        rule = Rule(0, parsed.mask, parsed)
        worst: Slow = (0.0, "", "")
        source = asks_for(parsed)
        does_match = False
        for url in itertools.chain(long_urls(text, parsed), extra):
            request = Request.of(url, source=source)
            request.bit = parsed.mask  # of a type and a party that fit
            does_match |= rule.matches(request)
            spent = shortest_ms(lambda rule=rule, request=request: rule.matches(request), 2)
            worst = max(worst, (spent, text, url))
        matched += does_match
        found.append(worst)
    return tried, matched, sorted(found, reverse=True)


def hostile_rules() -> dict[str, tuple[str, str]]:
    """Return rules made to take long, each with what to fill an URL with."""
    stars = "*".join(["a"] * 60)
    separated = "*".join(["a^b"] * 60)
    return {
        "60 stars, no end": (f"/{stars}*xyz^q", "a"),
        "60 separated pieces": (f"{separated}*xyz^q", "a/b"),
        "labels and stars": ("||a*" + "*".join(["a^"] * 60) + "*xyz^q", "a/"),
        "60 times ^": ("xyz*" + "^" * 60 + "b", "/"),
        "500 times ^": ("xyz*" + "^" * 500 + "b", "/"),
        "4,000 times ^": ("xyz*" + "^" * 4000 + "b", "/"),
        "60 times a^": ("a^" * 60 + "xyz", "a/"),
        "500 times a^": ("a^" * 500 + "xyz", "a/"),
        "2,000 times a^": ("a^" * 2000 + "xyz", "a/"),
        "500 times a^ at the end": ("xyz*" + "a^" * 500 + "b|", "a/"),
        "4,000 letters": ("/" + "a" * 4000 + "b", "a"),
        "4,000 letters and ^": ("xyz*" + "a" * 4000 + "^b", "a"),
        "20,000 letters": ("/" + "a" * 20_000 + "b", "a"),
        "regex a+b": ("/a+b/", "a"),
        "regex a.*b": ("/a.*b/", "a"),
        "regex \\w+\\.x": (r"/\w+\.x/", "a"),
        "regex \\w+\\d+x": (r"/\w+\d+x/", "0"),
        "regex [a-z0-9]{20,}\\.js": (r"/[a-z0-9]{20,}\.js/", "a"),
        "regex (?:a|b)+c": ("/(?:a|b)+c/", "a"),
        "regex a{1,3}a{1,3}a{1,3}b": ("/a{1,3}a{1,3}a{1,3}b/", "a"),
        "regex .{1,2000}x": ("/.{1,2000}xyz/", "a"),
        "regex a?{12}": ("/" + "a?" * 12 + "xyz/", "a"),
        "regex (a+)+$": ("/(a+)+$/", "a"),
        "regex a+a+a+b": ("/a+a+a+b/", "a"),
        "regex (?=a+b)": ("/(?=a+b)xyz/", "a"),
        "regex 300 alternatives": (
            "/(?:" + "|".join(f"a{n}" for n in range(160)) + ")z/",
            "a",
        ),
    }


def matcher_of(texts: Iterable[str]) -> Matcher:
    matcher = Matcher()
    source = Source("own", "own")
    matcher.add_source(source)
    for text in texts:
        line = source.append(text.encode() + b"\n")
        parsed = parse_line(text)
        if parsed is not None:
            matcher.add(parsed, line)
    list(matcher.seal())
    return matcher


def hostile_lists() -> dict[str, tuple[Matcher, str]]:
    """Return lists whose rules all have to be tried on one URL."""
    thousand = range(1000)
    in_url = "/token/" + "a/b" * 20
    return {
        "1,000 literals on one token": (
            matcher_of(f"/token/*{n:04}x^q" for n in thousand),
            padded("https://a.example/token/", "".join(f"{n:04}x" for n in thousand)),
        ),
        "1,000 globs on one token": (
            matcher_of(f"/token/*a^b*b^a*a^c{n}" for n in thousand),
            padded("https://a.example/token/", "a/b/"),
        ),
        "1,000 globs of 20 stars on one token": (
            matcher_of("/token/" + "*a^b" * 20 + f"*a^q$domain=~p{n}.example" for n in thousand),
            padded("https://a.example" + in_url, "a/b/"),
        ),
        "1,000 regexes for all URLs": (
            matcher_of(rf"/a{{1,3}}[a-z]+\.x$/$domain=~p{n}.example" for n in thousand),
            padded("https://a.example/", "a"),
        ),
        "1,000 rules for one page": (
            matcher_of(f"*a^b*b^a*{n:04}x*$domain=a.example" for n in thousand),
            padded("https://a.example/" + "".join(f"{n:04}x" for n in thousand), "a/b/"),
        ),
    }


def measure_worst(data: Data) -> Table:
    table = Table(f"4. worst: URLs of {LONG_URL:,} characters, the fastest of some runs each")
    texts = [line.strip() for line in lines_of(data.lists)]
    linear = regexes.re2
    for said, regexes.re2 in (("re2", linear), ("re", None)) if linear else (("re", None),):
        worst_rules(table, texts, said)
        for name, (against, url) in hostile_lists().items():
            if said == "re" or "regex" in name:
                table.add(f"decide, {name} ({said})", decide_ms(against, url), "ms", "< 5")
    regexes.re2 = linear
    matcher = load.load(files_of(data.lists)).matcher
    rules = list(parsed_of(texts))
    literals = sorted({rule.literal for rule in rules if rule.literal})
    random.Random(7).shuffle(literals)
    together = "/".join(literals)
    cuts = range(0, len(together), LONG_URL - 30)
    urls = ["https://a.b.example/" + together[i : i + LONG_URL - 30] for i in cuts]
    slowest = max(decide_ms(matcher, url) for url in urls)
    table.add(f"decide, {len(urls)} URLs of the lists' literals", slowest, "ms", "< 5")
    counts = Counter(t for rule in rules if not rule.host for t in set(rule.tokens))
    every = "https://a.b.example/" + "/".join(token for token, _ in counts.most_common())
    frequent = decide_ms(matcher, every[:LONG_URL])
    table.add("decide, the lists' most frequent tokens", frequent, "ms", "< 5")
    spent = decide_ms(matcher, every)
    table.add(f"decide, all {len(counts):,} tokens, {len(every):,} chars", spent, "ms")
    return table


def worst_rules(table: Table, texts: list[str], said: str) -> None:
    """Add the slowest of the lists' rules and of hostile ones, regexes being tried by *said*."""
    tried, matched, slow = slowest_rules(texts)
    table.add(f"the lists' {tried:,} rules that are not of a host alone ({said})",
              slow[0][0], "ms", "< 5")  # fmt: skip
    table.notes += [f"slowest rules of the lists ({said}):", *map(shown, slow[:5])]
    table.notes.append(f"{matched:,} of {tried:,} matched some of the URLs made for them")
    firsts = (min(first_ms(text, url) for _ in range(3)) for _, text, url in slow[:500])
    table.add(f"the slowest 500, first use ({said})", max(firsts), "ms", "< 5")
    found, refused = [], []
    for name, (text, filling) in hostile_rules().items():
        urls = [padded(f"https://{'a.' * 120}a/{start}", filling) for start in ("", "xyz/")]
        read = shortest_ms(lambda text=text: readable(text), 2)
        if not readable(text):
            refused.append(name)
            continue
        spent, _, url = slowest_rules([text], urls)[2][0]
        found.append((spent, min(first_ms(text, url) for _ in range(2)), read, name))
    table.add(f"{len(found)} hostile rules ({said})", max(found)[0], "ms", "< 5")
    table.add(f"hostile rules, first use ({said})", max(each[1] for each in found), "ms", "< 5")
    table.notes.append(f"slowest hostile rules, first use and parsing beside it ({said}):")
    table.notes += [
        f"{spent:8.3f} ms {first:8.3f} ms {read:8.3f} ms  {name}"
        for spent, first, read, name in sorted(found, reverse=True)[:6]
    ]
    table.notes.append(f"hostile lines that are refused ({said}): {', '.join(refused) or 'none'}")


def readable(text: str) -> bool:
    try:
        return parse_line(text) is not None
    except RuleError:
        return False


def parsed_with_text(texts: Iterable[str]) -> Iterator[tuple[str, NetworkRule]]:
    for text in texts:
        try:
            parsed = parse_line(text)
        except RuleError:
            continue
        if isinstance(parsed, NetworkRule):
            yield text, parsed


def parsed_of(texts: Iterable[str]) -> Iterator[NetworkRule]:
    return (parsed for _, parsed in parsed_with_text(texts))


def decide_ms(matcher: Matcher, url: str) -> float:
    source = "https://a.example/"
    return shortest_ms(lambda: matcher.decide(Request.of(url, source=source, type="script")))


def shown(slow: Slow) -> str:
    spent, text, url = slow
    return f"{spent:8.3f} ms  {text:.90}  on  {url[:40]}…{url[-12:]}"


# 5. Reload.


def note_collection(started: list[float], longest_ms: list[float], phase: str, _: object) -> None:
    """Keep the time of the longest garbage collection, during which every thread waits."""
    now = time.perf_counter()
    if phase == "start":
        started[0] = now
    else:
        longest_ms[0] = max(longest_ms[0], (now - started[0]) * 1e3)


def stalls(lists: tuple[load.ListFile, ...], rounds: int) -> list[dict[str, float]]:
    """Return the worst stalls of an event loop while a thread loads, releases and sleeps."""
    from forebay.blocklist.current import _pause  # the pause that is made in earnest

    collected = [0.0]
    gc.callbacks.append(partial(note_collection, [0.0], collected))

    async def worst_ms(work: Callable[[], object]) -> tuple[float, float, object]:
        started = time.perf_counter()
        task = asyncio.create_task(asyncio.to_thread(work))
        worst = 0.0
        while not task.done():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - before - 0.001)
        return worst * 1e3, time.perf_counter() - started, await task

    async def run() -> list[dict[str, float]]:
        found = []
        rules = load.load(lists)
        gc.freeze()  # as `Current.put` does
        for _ in range(rounds):
            collected[0] = 0.0
            loaded, seconds, after = await worst_ms(partial(load.load, lists, _pause))
            garbage = collected[0]
            before, rules = rules, after
            after = None
            old, before = [before], None  # the thread is to be the last to know them
            released, release_s, _ = await worst_ms(
                lambda old=old: old.pop().matcher.release(_pause)
            )
            idle, _, _ = await worst_ms(partial(time.sleep, seconds))
            found.append({
                "load": loaded, "release": released, "worst": max(loaded, released),
                "idle": idle, "seconds": seconds, "release_s": release_s, "garbage": garbage,
            })  # fmt: skip
        return found

    return asyncio.run(run())


def measure_reload(data: Data) -> Table:
    table = Table("5. reload: worst stall of a loop that ticks each ms, median of the rounds")
    for name, paths in (("lists", data.lists), (f"{MANY_HOSTS:,} hosts", (data.hosts,))):
        found = alone(stalls, files_of(paths), data.rounds)
        for key, said, unit, asked in (
            ("worst", "worst stall", "ms", "< 30"),
            ("load", "stall while loading", "ms", ""),
            ("release", "stall while the old ones are released", "ms", ""),
            ("idle", "stall with nothing going on, for as long", "ms", ""),
            ("seconds", "time of the load", "s", ""),
            ("release_s", "time of the release", "s", ""),
        ):
            table.add(f"{name}: {said}", (each[key] for each in found), unit, asked)
        for key, said in (("worst", "worst stall"), ("garbage", "longest garbage collection")):
            longest = max(each[key] for each in found)
            table.add(f"{name}: {said} of all rounds", longest, "ms")
        table.notes.append(
            f"{name}: each round's worst (garbage collection) / idle, ms: "
            + ", ".join(
                f"{each['worst']:.1f} ({each['garbage']:.1f}) / {each['idle']:.1f}"
                for each in found
            )
        )
    return table


# 6. Proxy.


def blocked_urls(data: Data, most: int = 500) -> list[str]:
    """Return requests, as http, that are blocked whatever else is known of them."""
    matcher = load.load(files_of(data.lists)).matcher
    found = []
    for each in data.requests:
        parts = urlsplit(each["url"])
        if parts.scheme not in ("http", "https") or parts.port or not each["url"].isascii():
            continue
        url = f"http://{parts.hostname}{parts.path or '/'}" + (
            f"?{parts.query}" * bool(parts.query)
        )
        request = Request.of(url)
        verdict = matcher.decide(request)
        if (
            verdict.blocked
            and len(url) < 1000
            and matcher.is_certain(request, verdict, strictly=False)
        ):
            found.append(url)
    return random.Random(7).sample(found, min(most, len(found)))


def answers_a_second(port: int, urls: list[str], seconds: float, statuses: Counter) -> float:
    """Return the answers a second on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    count, started = 0, time.perf_counter()
    while (now := time.perf_counter()) < started + seconds:
        connection.request("GET", urls[count % len(urls)])
        answer = connection.getresponse()
        answer.read()
        statuses[answer.status] += 1
        count += 1
    connection.close()
    return count / (now - started)


def measure_proxy(data: Data) -> Table:
    ports = multiprocessing.Queue()
    server = multiprocessing.Process(target=bench_proxy.origin, args=(ports,), daemon=True)
    server.start()
    forwarded = [f"http://127.0.0.1:{ports.get(timeout=20)}/"]
    refused = blocked_urls(data)
    ca = bench_proxy.make_ca(data.folder / "ca")
    lists = [part for path in data.lists for part in ("--set", f"blocklist_files={path.resolve()}")]
    statuses: tuple[Counter, Counter] = Counter(), Counter()
    with (
        bench_proxy.Proxy(data.folder / "bare", ca, (), bench_proxy.QUIET, None) as bare,
        bench_proxy.Proxy(
            data.folder / "ours", ca, lists, bench_proxy.QUIET, ROOT / "addons" / "main.py"
        ) as ours,
    ):
        turns = ((bare, forwarded, statuses[0]), (ours, refused, statuses[1]))
        for proxy, urls, _ in turns:
            answers_a_second(proxy.port, urls, 1, Counter())
        pairs = [
            [answers_a_second(p.port, u, data.seconds, s) for p, u, s in turns]
            for _ in range(data.rounds)
        ]
        memory = ours.rss_mb()
        ours.stop()
        logs = list((data.folder / "ours").rglob("*.jsonl"))
        records = sum(path.read_bytes().count(b"\n") for path in logs)
    server.terminate()
    found = bench_proxy.paired([a for a, _ in pairs], [b for _, b in pairs])
    table = Table("6. proxy: blocked requests, lists and log on, against bare forwarding of 1 KB")
    table.add("bare, forwarded", found["bare"], "req/s")
    table.add("forebay, blocked", found["forebay"], "req/s")
    table.add("ratio", found["ratio"], "", ">= 1.1")
    table.add("forebay, memory", memory, "MB")
    table.notes.append(
        f"{len(refused)} URLs; statuses {dict(statuses[1])}; {records:,} log records"
    )
    if statuses[1].keys() - {200, 403} or statuses[0].keys() != {200}:
        table.notes.append(f"not all were blocked, or forwarded: bare {dict(statuses[0])}")
    return table


SECTIONS: dict[str, Callable[[Data], Table]] = {
    "load": measure_load,
    "decide": measure_decide,
    "hosts": measure_hosts,
    "worst": measure_worst,
    "reload": measure_reload,
    "proxy": measure_proxy,
}


def gather(arguments: argparse.Namespace, folder: Path) -> Data:
    """Return the data of the files, or generated ones, and say which."""
    lists = tuple(arguments.lists) or (generated_list(folder / "generated.txt"),)
    if arguments.hosts:
        named = (line.split("#")[0].split() for line in lines_of(arguments.hosts))
        hosts: Iterable[str] = (parts[-1] for parts in named if parts)
    else:
        chance = random.Random(7)
        hosts = (f"{words(chance)}{n}.example" for n in range(100_000))
    requests = (
        read_requests(arguments.requests) if arguments.requests else generated_requests(lists)
    )
    for name in ("lists", "hosts", "requests"):
        given = getattr(arguments, name) or "generated data"
        print(f"{name}:", *(map(str, given) if isinstance(given, list) else [given]))
    many = write_many_hosts(hosts, folder / "hosts.txt")
    return Data(lists, many, requests, folder, arguments.rounds, arguments.seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lists", nargs="+", type=Path, default=[], metavar="FILE")
    parser.add_argument("--hosts", nargs="+", type=Path, default=[], metavar="FILE")
    parser.add_argument("--requests", type=Path, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each turn of a proxy")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, divided by commas")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    if unknown := set(wanted) - SECTIONS.keys():
        parser.error(f"--only: expected {', '.join(SECTIONS)}, found {', '.join(sorted(unknown))}")
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        data = gather(arguments, Path(folder))
        for name in wanted:
            table = SECTIONS[name](data)
            table.print()
            results[name] = table.as_json()
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
