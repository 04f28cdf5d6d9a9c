"""What the services' measurements must show, as ratios: limits(result) reads the content of services.json.

A limit is a limit of the native server as it starts by default, in fp32 as its opponent. Each missed one, and each that was not measured, makes the benchmark fail. The other configurations stand beside it
with the same ratios, for who chooses between them; they hide no limit that the default misses.
"""
import xml.etree.ElementTree as ET

JUDGED = "native"
BESIDE = ("native packed", "native mapped")
OPPONENT = "uvicorn tuned"
AT_OPPONENTS = f"0.7 x {OPPONENT}'s capacity"
PLOTS = "\n![Latency](results/services-latency.svg)\n\n![Throughput](results/services-throughput.svg)\n"


def _value(*keys):
    def value(result, peer):
        found = (result["peers"] or {}).get(peer)
        for key in keys:
            found = found and found.get(key)
        return found
    return value


def _p99(at):
    def value(result, peer):
        loads = {load["at"]: load for load in (result["peers"] or {}).get(peer, {}).get("loads", [])}
        return loads[at]["latency_ms"]["p99"] if at in loads else None
    return value


def _second_model(result, peer):
    return ((result["second_model"] or {}).get("peers", {}).get(peer) or {}).get("capacity_per_s")


def _null(kind):
    def value(result, peer):
        return ((result["null"] or {}).get("peers", {}).get(f"{peer} null") or {}).get(kind, {}).get("requests_per_s")
    return value


# (what, a peer's value, the opponent, "at least" or "at most", limit, why the default may miss it and what was tried)
LIMITS = (
    ("images/s at saturation, resnet34", _value("capacity_per_s"), OPPONENT, "at least", 1.1,
     "tried: --cpu-engine=packed, bf16 (its row)"),
    ("images/s at saturation, mobilenet_v3_small", _second_model, OPPONENT, "at least", 1.5,
     "its forward pass gains less by packing than that of resnet34. Tried: --cpu-engine=packed, bf16 (its row)"),
    ("p99 at 0.7 x the opponent's capacity", _p99(AT_OPPONENTS), OPPONENT, "at most", 0.7,
     "tried: --cpu-engine=packed, bf16 (its row)"),
    ("p99, each at 0.7 x its own capacity", _p99("0.7 x capacity"), OPPONENT, "at most", 0.7,
     "at the same share of its capacity each waits in a queue of the same shape, so only the forward pass counts, and it takes 0.6 of the "
     "opponent's. Tried: --cpu-engine=packed, bf16 (its row)"),
    ("p99 with 8 clients", _value("eight_clients_p99_ms"), "uvicorn", "at most", 0.5,
     "eight requests wait for one core, and each forward pass takes 0.6 of the opponent's: no order of serving them makes the last one twice as "
     "early. Tried: --cpu-engine=packed, bf16 (its row)"),
    ("resident memory", _value("memory_mb", "resident"), OPPONENT, "at most", 0.6,
     "one copy of the weights, none of the file's pages, and libtorch without what Debian links to it; what remains is libtorch's own"),
    ("start to ready", _value("ready_s"), OPPONENT, "at most", 0.3,
     "libtorch is mapped, relocated and initialised on the service's one core, the weights are packed, and a golden case runs before it is ready. Tried: a "
     "libtorch that does not ask for the 240 libraries it does not call, hashes remembered, linking begun before anything else, weights mapped (its row)"),
    ("null answers a second, GET", _null("get"), OPPONENT, "at least", 5,
     "uvloop and httptools are C too. Five times would be about 9 microseconds an answer on one core; of the native server's 18 the kernel takes 12, for "
     "reading, waiting, waking and writing. Not tried: one thread that reads and answers alone, as libuv does"),
    ("null answers a second, tensor of 60 KB", _null("tensor"), OPPONENT, "at least", 5,
     "the null engine leaves out the network alone: the protocol is parsed, the tensor checked, queued and handed from thread to thread (about "
     "three context switches a request on one core), timed and counted, where the opponent only reads its body, which costs half of its time"),
)


def limits(result):
    rows = []
    for what, value, opponent, direction, limit, why in LIMITS:
        for peer in (JUDGED, *BESIDE):
            ours, theirs = value(result, peer), value(result, opponent)
            ratio = ours / theirs if ours is not None and theirs else None
            if ratio is None and peer != JUDGED:
                continue
            holds = None if ratio is None else ratio >= limit if direction == "at least" else ratio <= limit
            rows.append({"what": what, "peer": peer, "against": opponent, "value": ratio, "direction": direction, "limit": limit,
                         "holds": holds, "judged": peer == JUDGED, **({"why": why} if holds is False and peer == JUDGED else {})})
    return rows


def missed(rows):
    """The limits that do not hold; one that was not measured does not either."""
    return [row for row in rows if row["judged"] and not row["holds"]]


def verdict(row):
    return "not measured" if row["holds"] is None else "ok" if row["holds"] else "MISSED" if row["judged"] else "no"


def sentence(row):
    value = "not measured" if row["value"] is None else f"{row['value']:.2f} x"
    return (f"{row['what']}: {row['peer']} to {row['against']}: {value}, limit {row['direction']} {row['limit']:g} x"
            + (f" ({row['why']})" if "why" in row else ""))


def table(rows):
    lines = ["| limit | configuration | against | value | limit | | why missed, and what was tried |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        value, shown = "" if row["value"] is None else f"{row['value']:.2f} x", verdict(row)
        lines.append(f"| {row['what'] if row['judged'] else ''} | {row['peer']} | {row['against']} | {value} | {row['direction']} {row['limit']:g} x "
                     f"| {f'**{shown}**' if row['judged'] else shown} | {row.get('why', '')} |")
    return "\n".join(lines) + "\n"


def junit(rows):
    """A test for each limit: failed where it is missed or was not measured."""
    suite = ET.Element("testsuite", name="service_bench")
    for row in rows:
        if row["judged"]:
            case = ET.SubElement(suite, "testcase", classname="service_bench", name=f"{row['what']}: {row['peer']} to {row['against']}")
            if not row["holds"]:
                ET.SubElement(case, "failure", message=sentence(row))
    return ET.tostring(suite, encoding="unicode") + "\n"


def between_markers(text, content):
    """`text` with what stands between the two markers replaced."""
    begin, end = "<!-- services: begin -->\n", "<!-- services: end -->\n"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"tests/bench/README.md must hold {begin.strip()} and then {end.strip()}, once each, on lines of their own")
    return text[:text.index(begin) + len(begin)] + content + text[text.index(end):]
