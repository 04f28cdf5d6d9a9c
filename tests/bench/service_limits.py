"""What the services' measurements must show, as ratios: limits(result) reads the content of services.json.

Two configurations of the native server are judged, because no one of them holds every limit. A limit that is promised
makes the benchmark fail where it is missed; one that is known to be out of reach is printed with the reason.
"""

LINKING = "libtorch is mapped and linked on the service's one core, which the first answer has to wait for"
COPYING = "the weights are copied into the processor's order at start"
PLOTS = "\n![Latency](results/services-latency.svg)\n\n![Throughput](results/services-throughput.svg)\n"


def _p99_at_0_7(peer):
    return next(load for load in peer["loads"] if load["at"] == "0.7 x capacity")["latency_ms"]["p99"]


# (what, the value of a peer, the opponent, "at least" or "at most", limit,
#  {configuration: None where it is promised, else why it is not})
LIMITS = (
    ("images/s at saturation", lambda peer: peer["capacity_per_s"], "uvicorn tuned", "at least", 1.1,
     {"native packed": None, "native": "both run the same fp32 forward on the same core; a few per cent decide"}),
    ("p99 at 0.7 x own capacity", _p99_at_0_7, "uvicorn tuned", "at most", 0.7,
     {"native packed": None, "native": None}),
    ("p99 with 8 clients", lambda peer: peer["eight_clients_p99_ms"], "uvicorn", "at most", 0.5,
     {"native packed": None, "native": "eight forwards wait for one core, and each takes as long as the opponent's"}),
    ("resident memory", lambda peer: peer["memory_mb"]["resident"], "uvicorn tuned", "at most", 0.6,
     {"native packed": COPYING + " and kept beside libtorch", "native": None}),
    ("start to ready", lambda peer: peer["ready_s"], "uvicorn tuned", "at most", 0.3,
     {"native packed": COPYING + "; " + LINKING, "native": LINKING}),
)


def limits(result):
    rows, peers = [], result["peers"]
    for what, value, opponent, direction, limit, configurations in LIMITS:
        for configuration, why in configurations.items():
            if configuration not in peers or opponent not in peers:
                continue
            ratio = value(peers[configuration]) / value(peers[opponent])
            holds = ratio >= limit if direction == "at least" else ratio <= limit
            rows.append({"what": what, "peer": configuration, "against": opponent, "value": ratio, "direction": direction,
                         "limit": limit, "holds": holds, "promised": why is None, **({"why": why} if why else {})})
    return rows


def broken_promises(rows):
    return [row for row in rows if row["promised"] and not row["holds"]]


def table(rows):
    lines = ["| limit | configuration | against | value | limit | | promised |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        note = "yes" if row["promised"] else f"no: {row['why']}"
        lines.append(f"| {row['what']} | {row['peer']} | {row['against']} | {row['value']:.2f} x | {row['direction']} {row['limit']:g} x "
                     f"| {'ok' if row['holds'] else 'MISSED'} | {note} |")
    return "\n".join(lines) + "\n"


def between_markers(text, content):
    """`text` with what stands between the two markers replaced."""
    begin, end = "<!-- services: begin -->\n", "<!-- services: end -->\n"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"tests/bench/README.md must hold {begin.strip()} and then {end.strip()}, once each, on lines of their own")
    return text[:text.index(begin) + len(begin)] + content + text[text.index(end):]
