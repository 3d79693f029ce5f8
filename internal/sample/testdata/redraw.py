#!/usr/bin/env python3
"""Draws a sample again: docs/sampling.md, written a second time, with nothing but Python.

    python3 redraw.py FILE       draws the sample of a file again; ends with 1 and says what differs
    python3 redraw.py --vectors  prints vectors.json
"""
import hashlib
import json
import sys
from collections import Counter
from datetime import datetime, timedelta
from fractions import Fraction
from math import comb

NO_TIME = 1 << 62


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def number(n):
    return (n & (1 << 64) - 1).to_bytes(8, "big")


def commit(*parts):
    return sha(*(number(len(p)) + p for p in parts))


def hide(salt, name, value):
    return sha(salt, name, b"\0", value)


def row_commitment(salt, key, content):
    return commit(b"tickmark row v1", hide(salt, b"key", key.encode()), hide(salt, b"content", content.encode()))


def root(leaves):
    """The RFC 6962 root, as its definition says it."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha(b"\1", root(leaves[:k]), root(leaves[k:]))


def population_hash(rows):
    """rows are (time, location, commitment), in canonical order."""
    for a, b in zip(rows, rows[1:]):
        if (a[0], a[2]) >= (b[0], b[2]):
            sys.exit("the rows are not in canonical order")
    return root([sha(b"\0", number(at), c, where.encode()) for at, where, c in rows])


def pick(seed, run, j, m):
    return int.from_bytes(sha(seed, number(run), number(j) if j else b""), "big") % m


def shuffled(seed, run, rows):
    rows = list(rows)
    for j in range(len(rows)):
        r = j + pick(seed, run, j, len(rows) - j)
        rows[j], rows[r] = rows[r], rows[j]
    return rows


def share(n, sizes):
    got = [1] * len(sizes)
    for _ in range(n - len(sizes)):
        best = max(range(len(sizes)), key=lambda i: (Fraction(sizes[i], 2 * got[i] + 1), -i))
        got[best] += 1
    return got


PATTERNS = {
    "hour of the day": lambda t: t.hour,
    "day of the week": lambda t: t.weekday(),
    "part of the month": lambda t: min((t.day - 1) // 7, 3),
    "month of the quarter": lambda t: (t.month - 1) % 3,
}


def in_step(times, n):
    """The patterns that a systematic selection of n would keep step with."""
    size, found = len(times), []
    starts = -(-size // n)

    def alike(classes):
        return Fraction(sum(x * x for x in Counter(classes).values()), len(classes) ** 2)

    for name, of in PATTERNS.items():
        for later in (0, 12):
            classes = [of(datetime(1970, 1, 1) + timedelta(microseconds=at, hours=later)) for at in times]
            p = alike(classes)
            mean = sum(alike([classes[i * size // n + k] for i in range(n)]) for k in range(starts)) / starts
            if mean > (1 + p + (1 - p) / n) / 2:
                found.append(name)
                break
    return found


def draw_one(seed, times, pool, method, n, reserves):
    size = len(pool)
    if method == "systematic" and in_step([times[i] for i in pool], n):
        sys.exit("the interval keeps step with a pattern in time")
    if method == "random":
        order = shuffled(seed, 0, pool)
        return [{"items": sorted(order[:n]), "reserves": order[n : n + reserves]}]
    runs = [pool[i * size // n : (i + 1) * size // n] for i in range(n)]
    if method == "stratified":
        orders = [shuffled(seed, i, run) for i, run in enumerate(runs)]
        return [{"items": o[:1], "reserves": o[1 : 1 + reserves]} for o in orders]
    start = pick(seed, 0, 0, size)
    items = [pool[(i * size + start) // n] for i in range(n)]
    out = []
    for i, run in enumerate(runs):
        rest = [x for x in shuffled(seed, i + 1, run) if x not in items]
        out.append({"items": [items[i]], "reserves": rest[:reserves]})
    return out


def draw(seed, rows, plan, number_of_extension=0, seen=()):
    n, reserves = plan["size"], plan.get("reserves", 0)
    if number_of_extension:
        seed = commit(b"tickmark extension v1", seed, number(number_of_extension), number(n))
    times = [at for at, _, _ in rows]
    pool = [i for i in range(len(rows)) if i not in set(seen)]
    if not plan.get("by_location"):
        return draw_one(seed, times, pool, plan["method"], n, reserves)
    at = {}
    for i in pool:
        at.setdefault(rows[i][1].encode(), []).append(i)
    names, out = sorted(at), []
    for name, part in zip(names, share(n, [len(at[x]) for x in names])):
        for run in draw_one(commit(b"tickmark location v1", seed, name), times, at[name], plan["method"], part, reserves):
            out.append({"location": name.decode(), **run})
    return out


def binomial(n, k, rate):
    p = Fraction(rate, 1000000)
    return sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))


def hypergeometric(population, bad, n, k):
    return Fraction(sum(comb(bad, i) * comb(population - bad, n - i) for i in range(k + 1) if n >= i), comb(population, n))


def size_for(confidence, tolerable, planned, population):
    beta = 1 - Fraction(confidence, 1000000)
    bad = population * tolerable // 1000000 + 1
    n = planned + 1
    while (hypergeometric(population, bad, n, planned) if population else binomial(n, planned, tolerable)) > beta:
        n += 1
    return n


def limits(confidence, population, n, deviations):
    beta = 1 - Fraction(confidence, 1000000)
    low, high = -1, 1000000  # the chance is above beta at low and not at high
    while deviations < n and high - low > 1:
        middle = (low + high) // 2
        if binomial(n, deviations, middle) <= beta:
            high = middle
        else:
            low = middle
    most = deviations
    while most < population - (n - deviations) and hypergeometric(population, most + 1, n, deviations) > beta:
        most += 1
    return {"rate": high, "deviations": most}


def check(what, got, want):
    if got != want:
        sys.exit(f"{what}: {got}, and the file says {want}")
    print("ok", what)


def redraw(file):
    rows = [(NO_TIME if r["at"] is None else r["at"], r.get("location", ""), bytes.fromhex(r["commitment"])) for r in file["rows"]]
    check("population", population_hash(rows).hex(), file["population"])
    first = file["stages"][0]["plan"]
    if first["method"] == "all":
        check("all rows", first["size"], len(rows))
        return
    nonce = bytes.fromhex(file["nonce"])
    check("commitment", sha(nonce).hex(), file["commitment"])
    seed = commit(file["engagement"].encode(), file["control"].encode(), population_hash(rows), nonce)
    check("seed", seed.hex(), file["seed"])
    seen = []
    for i, stage in enumerate(file["stages"]):
        want = [{"location": r.get("location", ""), "items": r["items"], "reserves": r["reserves"]} for r in stage["runs"]]
        got = [{"location": "", **r} for r in draw(seed, rows, stage["plan"], i, seen)]
        check(f"draw {i}", got, want)
        for r in got:
            seen += r["items"]
        for x in stage.get("replaced", []):
            run = next(r for r in got if x["item"] in r["items"] + r["reserves"])
            check(f"row {x['item']} replaced", run["reserves"].pop(0), x["by"])
            run["items"].append(x["by"])
            seen.append(x["by"])
        seen += [t["position"] for t in stage.get("targeted", [])]
    for o in file.get("opened", []):
        check(f"row {o['position']} shown", row_commitment(bytes.fromhex(o["salt"]), o["key"], o["content"]), rows[o["position"]][2])


def vectors():
    first, day = 1767225600000000, 86400000000  # 1 January 2026
    delivered = []
    for i in range(43):
        nth = i * 17 % 43  # not in the order of time
        at = first + nth // 2 * day if i % 3 else first + nth // 2 * day + nth * 1000
        where = ["north", "süd", ""][nth % 7 % 3]
        delivered.append({"at": at, "location": where, "salt": sha(b"salt", number(i))[:16].hex(), "key": f"change-{nth}", "content": json.dumps({"merged": nth, "title": f"Änderung {nth}"}, ensure_ascii=False, separators=(",", ":"))})
    rows = []
    for i, d in enumerate(delivered):
        rows.append((d["at"], row_commitment(bytes.fromhex(d["salt"]), d["key"], d["content"]), d["location"], i))
    rows.sort(key=lambda r: (r[0], r[1]))
    order = [r[3] for r in rows]
    rows = [(at, where, c) for at, c, where, _ in rows]
    nonce = sha(b"a nonce of the vectors")
    population = population_hash(rows)
    seed = commit(b"E-2026-01", b"CHG-01", population, nonce)
    plans = [{"method": m, "size": n, "reserves": k, "by_location": by} for m in ("stratified", "random", "systematic") for n, k, by in ((1, 0, False), (8, 2, False), (13, 3, False), (43, 1, False), (15, 1, True))]
    draws = [{"plan": p, "runs": draw(seed, rows, p)} for p in plans]
    seen = sorted(x for r in draws[1]["runs"] for x in r["items"])
    extensions = [{"plan": p, "number": k, "seen": seen, "runs": draw(seed, rows, p, k, seen)} for p, k in ((plans[1], 1), (plans[1], 2), (plans[6], 1), (plans[14], 1), (dict(plans[1], size=9), 1))]
    sizes = [{"confidence": c, "tolerable": t, "planned": k, "population": p, "n": size_for(c, t, k, p)} for c in (900000, 950000) for t in (50000, 60000, 90000, 100000, 200000) for k in (0, 1, 3) for p in (0, 60, 500) if p == 0 or k < p * t // 1000000 + 1]
    found = [{"confidence": c, "population": p, "n": n, "found": d, **limits(c, p, n, d)} for c in (900000, 950000) for p, n, d in ((40, 5, 0), (40, 25, 1), (300, 25, 0), (300, 25, 2), (300, 60, 1), (300, 300, 7), (12, 5, 5))]
    shares = [{"n": n, "sizes": s, "shares": share(n, s)} for n, s in ((3, [1, 1, 1]), (10, [100, 10, 1]), (25, [365, 365, 12]), (7, [3, 3, 3]), (9, [3, 3, 3]), (40, [1000, 999, 998, 5]))]
    hour, steps = 3600000000, []
    for every, size, n in ((24, 364, 52), (24, 365, 12), (24, 365, 4), (24, 360, 24), (24, 365, 25), (1, 1440, 60), (1, 1000, 40), (168, 52, 13), (12, 28, 4), (12, 28, 5), (7, 90, 30)):
        steps.append({"every_hours": every, "rows": size, "n": n, "patterns": in_step([first + i * every * hour for i in range(size)], n)})
    return {"engagement": "E-2026-01", "control": "CHG-01", "nonce": nonce.hex(), "commitment": sha(nonce).hex(), "empty": population_hash([]).hex(),
            "delivered": delivered, "order": order, "commitments": [c.hex() for _, _, c in rows], "population": population.hex(), "seed": seed.hex(),
            "draws": draws, "extensions": extensions, "steps": steps, "shares": shares, "sizes": sizes, "limits": found}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--vectors":
        # A line for each vector, so that a person can read them.
        lines = []
        for name, v in vectors().items():
            if isinstance(v, list) and v and isinstance(v[0], dict):
                v = "[\n" + ",\n".join("  " + json.dumps(x, ensure_ascii=False) for x in v) + "\n ]"
            else:
                v = json.dumps(v, ensure_ascii=False)
            lines.append(f" {json.dumps(name)}: {v}")
        print("{\n" + ",\n".join(lines) + "\n}")
    else:
        with open(sys.argv[1], encoding="utf-8") as f:
            redraw(json.load(f))
