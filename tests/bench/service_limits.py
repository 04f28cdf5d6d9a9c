"""What the services' measurements must show, as ratios: limits(result) reads the content of services.json.

A limit is a limit of the native server as it starts by default, in fp32 as its opponents. Its opponent is whichever of the tuned Python
services does best at just that measure, and the row names it. Each missed limit, and each that was not measured, makes the benchmark fail. The
other configurations stand beside it with the same ratios, for who chooses between them; they hide no limit that the default misses.
"""
import math
import xml.etree.ElementTree as ET

REVISION = 2  # of services.json; what was added since the first: tests/bench/README.md
JUDGED = "native"
BESIDE = ("native direct", "native packed", "native mapped")
NATIVE = (JUDGED, *BESIDE)
TUNED = ("uvicorn tuned", "uvicorn optimized", "uvicorn batching")
PLAIN = ("uvicorn",)
AT_OWN = "0.7 x capacity"
AT_OPPONENTS = "0.7 x the best Python service's capacity"
JUDGED_AT_A_RATE = (JUDGED, *TUNED)  # whose 99th percentiles are judged, so that each needs its requests
JUDGED_WITH_EIGHT = (JUDGED, *PLAIN)
FEWEST_SAMPLES = 1000
PLOTS = "\n![Latency](results/services-latency.svg)\n\n![Throughput](results/services-throughput.svg)\n"


# Each takes a result and a peer: (value, how many requests a percentile is of, or None), or None where it was not measured.
def _value(*keys, samples=None):
    def value(result, peer):
        row = found = (result["peers"] or {}).get(peer)
        for key in keys:
            found = found and found.get(key)
        return None if found is None else (found, row[samples] if samples else None)
    return value


def _p99(at):
    def value(result, peer):
        loads = {load["at"]: load for load in (result["peers"] or {}).get(peer, {}).get("loads", [])}
        if at not in loads:
            return None
        load, unserved = loads[at], loads[at]["refused"] + loads[at]["failed"]
        # Of requests that were not served there is no latency: where they are more than 1 %, the 99th percentile is one of them.
        return load["latency_ms"]["p99"] if 99 * unserved <= load["samples"] else math.inf, load["samples"]
    return value


def _second_model(result, peer):
    found = (result["second_model"] or {}).get("peers", {}).get(peer)
    return found and (found["capacity_per_s"], None)


def _null(kind):
    def value(result, peer):
        found = (result["null"] or {}).get("peers", {}).get(f"{peer} null")
        return found and (found[kind]["requests_per_s"], None)
    return value


# (what, a peer's value, the opponents, "at least" or "at most", limit, why the default may miss it and what was tried).
LIMITS = (
    ("images/s at saturation, resnet34", _value("capacity_per_s"), TUNED, "at least", 1.1,
     "tried: --cpu-engine=packed, bf16 (its row)"),
    ("images/s at saturation, mobilenet_v3_small", _second_model, TUNED, "at least", 1.5,
     "decoding the picture and the service around the network are half of a request, and none of its convolutions is one for Winograd's algorithm. "
     "Tried: weights in the processor's order (the default here), bf16 (the row of --cpu-engine=packed)"),
    ("p99 at 0.7 x the opponent's capacity", _p99(AT_OPPONENTS), TUNED, "at most", 0.7,
     "tried: --cpu-engine=packed, bf16 (its row)"),
    ("p99, each at 0.7 x its own capacity", _p99(AT_OWN), TUNED, "at most", 0.7,
     "at the same share of its capacity each waits in a queue of the same shape, so only the forward pass counts. Tried: "
     "--cpu-engine=packed, bf16 (its row)"),
    ("p99 with 8 clients", _value("eight_clients_p99_ms", samples="eight_clients_samples"), PLAIN, "at most", 0.5,
     "eight requests wait for one core: no order of serving them makes the last one earlier than eight forward passes. Tried: "
     "--cpu-engine=packed, bf16 (its row)"),
    ("resident memory", _value("memory_mb", "resident"), TUNED, "at most", 0.6,
     "one copy of the weights, none of the file's pages, and libtorch without what Debian links to it; what remains is libtorch's own. Tried: "
     "weights mapped (its row)"),
    ("start to ready", _value("ready_s"), TUNED, "at most", 0.3,
     "libtorch is mapped, relocated and initialised on the service's one core, the weights are transformed, and a golden case runs before it is ready. Tried: a "
     "libtorch that does not ask for the 240 libraries it does not call, hashes remembered, linking begun before anything else, weights mapped (its row)"),
    ("null answers a second, GET", _null("get"), ("uvicorn tuned",), "at least", 5,
     "uvloop and httptools are C too, and two thirds of an answer's time are the kernel's, for waiting, reading, writing and asking to be woken. Tried: two "
     "system calls and httplib's regular expressions fewer (1.3 x as many answers), two worker threads instead of 64 (1.1 x; they would be too few "
     "where requests wait for a network)"),
    ("null answers a second, tensor of 60 KB", _null("tensor"), ("uvicorn tuned",), "at least", 5,
     "the null engine leaves out the network alone: the protocol is parsed, the tensor checked, queued and handed from thread to thread (about "
     "three context switches a request on one core), timed and counted, where the opponent only reads its body. Tried: memory that is kept for the next tensor and a read buffer that stays in the cache "
     "(1.6 x as many answers), two worker threads instead of 64 (1.1 x)"),
)


def limits(result):
    rows = []
    for what, value, opponents, direction, limit, why in LIMITS:
        better = max if direction == "at least" else min
        theirs = {peer: value(result, peer) for peer in opponents}
        theirs = {peer: found for peer, found in theirs.items() if found and 0 < found[0] < math.inf}
        against = better(theirs, key=lambda peer: theirs[peer][0]) if theirs else " or ".join(opponents)
        for peer in NATIVE:
            ours = value(result, peer)
            if not (ours and theirs):
                if peer == JUDGED:
                    rows.append({"what": what, "peer": peer, "against": against, "value": None, "direction": direction, "limit": limit,
                                 "holds": None, "judged": True})
                continue
            if ours[0] == math.inf:
                rows.append({"what": what, "peer": peer, "against": against, "value": None, "direction": direction, "limit": limit, "holds": False,
                             "judged": peer == JUDGED, "why": "more than 1 % of its requests were not served"})
                continue
            ratio = ours[0] / theirs[against][0]
            row = {"what": what, "peer": peer, "against": against, "value": ratio, "direction": direction, "limit": limit,
                   "holds": ratio >= limit if direction == "at least" else ratio <= limit, "judged": peer == JUDGED}
            if ours[1] is not None:
                row["samples"] = [ours[1], theirs[against][1]]
                if row["judged"] and min(row["samples"]) < FEWEST_SAMPLES:
                    row["holds"] = None
            rows.append({**row, **({"why": why} if row["judged"] and row["holds"] is False else {})})
    return rows


def missed(rows):
    """The limits that do not hold; one that was not measured, or of too few requests, does not either."""
    return [row for row in rows if row["judged"] and not row["holds"]]


def verdict(row):
    if row["holds"] is None:
        return "not measured" if row["value"] is None else f"fewer than {FEWEST_SAMPLES} requests"
    return "ok" if row["holds"] else "MISSED" if row["judged"] else "no"


def value_text(row):
    if row["value"] is None:
        return "not measured" if row["holds"] is None else "no percentile"
    return f"{row['value']:.2f} x" + (f" (of {row['samples'][0]} and {row['samples'][1]} requests)" if "samples" in row else "")


def sentence(row):
    return (f"{row['what']}: {row['peer']} to {row['against']}: {value_text(row)}, limit {row['direction']} {row['limit']:g} x"
            + (f" ({row['why']})" if "why" in row else ""))


def table(rows):
    lines = ["| limit | configuration | against | value | limit | | why missed, and what was tried |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        shown = verdict(row)
        lines.append(f"| {row['what'] if row['judged'] else ''} | {row['peer']} | {row['against']} | {value_text(row)} | {row['direction']} {row['limit']:g} x "
                     f"| {f'**{shown}**' if row['judged'] else shown} | {row.get('why', '')} |")
    return "\n".join(lines) + "\n"


def junit(rows):
    """A test for each limit: failed where it is missed or was not measured."""
    suite = ET.Element("testsuite", name="service_bench")
    for row in rows:
        if row["judged"]:
            case = ET.SubElement(suite, "testcase", classname="service_bench", name=row["what"])
            if not row["holds"]:
                ET.SubElement(case, "failure", message=sentence(row))
    return ET.tostring(suite, encoding="unicode") + "\n"


def between_markers(text, content):
    """`text` with what stands between the two markers replaced."""
    begin, end = "<!-- services: begin -->\n", "<!-- services: end -->\n"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"tests/bench/README.md must hold {begin.strip()} and then {end.strip()}, once each, on lines of their own")
    return text[:text.index(begin) + len(begin)] + content + text[text.index(end):]
