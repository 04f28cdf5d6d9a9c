"""What gpu_bench.py measured, as a table for people and as the page's recorded result."""
import json

# Floating-point operations of one image's forward pass; what is not listed gets no share of the card's rate.
FLOPS = {"resnet34-1gb": 76.5e9, "vit_l_16": 123e9}
WANTED_SHARE = {"resnet34-1gb": 0.45, "vit_l_16": 0.60}


def read(folder, bundle, names):
    files = {name: folder / f"{bundle}.{name}.json" for name in names}
    return {name: json.loads(path.read_text()) for name, path in files.items() if path.exists()}


def share(bundle, images_per_second, matrix):
    return FLOPS[bundle] * images_per_second / matrix["flops_per_second"] if bundle in FLOPS else None


def checks(bundle, parts):
    """(what, whether it holds): what is right on any machine, and on a card, measured at leisure, how quick it must be."""
    engine = parts["engine"]["result"]
    yield "every golden case is reproduced", engine["golden"]["reproduced"]
    yield "every picture has the processor's top-1", engine["pictures"]["top1_equal"] == engine["pictures"]["count"]
    yield "one way to run the network was chosen", any(row["chosen"] for row in engine["candidates"])
    if parts["engine"]["quick"] or not engine["device"].startswith("cuda:"):
        return
    torch, steady, full = (parts[name]["result"] for name in ("torch", "steady", "full"))
    yield "50 requests/s: p99 within 10 ms", steady["latency_ms"]["p99"] <= 10
    yield "50 requests/s: the claim of 50 ms holds", steady["verdict"]["passed"]
    part = share(bundle, full["bare_images_per_second"], torch["matrix"])
    if part is not None:
        yield f"the engine reaches {WANTED_SHARE[bundle]:.0%} of the card's matrix rate", part >= WANTED_SHARE[bundle]
    yield "HTTP with JPEG reaches 95 % of the bare engine", full["ratio"] >= 0.95
    yield "no request failed under full load", full["jpeg"]["requests"]["failed"] == 0


def rows(bundle, parts):
    def mark(good):
        return "" if good or parts["engine"]["quick"] else " **(not met)**"

    engine, start, torch, steady, full = (parts[name]["result"] for name in ("engine", "start", "torch", "steady", "full"))
    latency, verdict = steady["latency_ms"], steady["verdict"]
    bare = full["bare_images_per_second"]
    yield "golden cases", f"{engine['golden']['cases']}, {'reproduced' if engine['golden']['reproduced'] else engine['golden']['problem']}"
    pictures = engine["pictures"]
    yield "pictures with the processor's top-1", (f"{pictures['top1_equal']} of {pictures['count']}, largest probability difference "
                                                  f"{pictures['max_abs_probability_difference']:.4f}")
    worst = max(engine.get("invariance", [{"max_abs_probability_difference": 0}]), key=lambda row: row["max_abs_probability_difference"])
    equal = all(row["bit_equal"] for row in engine.get("invariance", []))
    yield "the same picture in other batches", ("bit-equal at every size" if equal else
                                                f"probabilities differ by at most {worst['max_abs_probability_difference']:.2g}")
    yield (f"{steady['settings']['rate']:.0f} requests/s, {steady['settings']['duration_s']:.0f} s, JPEG in",
           f"p50 {latency['p50']:.2f}, p99 {latency['p99']:.2f}, p99.9 {latency['p99.9']:.2f} ms{mark(latency['p99'] <= 10)}; "
           f"{'holds' if verdict['passed'] else 'does NOT hold'}: {verdict['claim']}")
    yield "bare engine", f"{bare:.0f} images/s at most"
    part = share(bundle, bare, torch["matrix"])
    if part is not None:
        yield ("share of the card's matrix rate",
               f"{part:.0%} of {torch['matrix']['flops_per_second'] / 1e12:.0f} TFLOP/s{mark(part >= WANTED_SHARE[bundle])}")
    yield "HTTP, JPEG in, beside the bare engine", f"{full['jpeg']['served_per_second']:.0f} images/s, {full['ratio']:.1%}{mark(full['ratio'] >= 0.95)}"
    for name in ("eager", "compiled"):
        found = torch[name]
        if "refused" in found:
            yield f"PyTorch {torch['torch']}, {name}", found["refused"]
            continue
        largest = max(found, key=int)
        alone = next(row for row in engine["batches"] if row["rows"] == 1)
        yield (f"PyTorch {torch['torch']}, {name}",
               f"{found[largest]['images_per_second']:.0f} images/s (the engine: {bare / found[largest]['images_per_second']:.2f} times), "
               f"alone {found['1']['latency_p50_ms']:.2f} ms (the engine: {alone['latency_p50_ms']:.2f})")
    run = start["runs"][-1]
    rest = run["ready_s"] - (run["context_ms"] + run["warm_up_ms"]) / 1000
    yield ("start to ready", f"{run['ready_s']:.2f} s: library {run['linked_ms']:.0f} ms, context {run['context_ms']:.0f}, weights uploaded "
                             f"{run['upload_ms']:.0f}, warm-up and choice {run['warm_up_ms']:.0f}; without context and choice {rest:.2f} s{mark(rest <= 3)}")


def table(bundle, parts):
    engine = parts["engine"]
    about, card = engine["machine"], engine["result"].get("card", {})
    lines = [f"## {bundle}", "",
             f"{engine['date'][:10]}, {about['card'] or card.get('name', engine['device'])}, {about['cores']} cores of {about['cpu']}, "
             f"{engine['result']['library']}, CUDA {card.get('cuda_runtime') or 'none'}, {engine['dtype']}"
             + ("; a quick run, whose figures mean nothing" if engine["quick"] else ""), "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rows(bundle, parts)]
    lines += ["", "| images together | ms (p50) | ms (p99) | images/s | upload ms | computing ms |", "|---|---|---|---|---|---|"]
    lines += [f"| {row['rows']} | {row['latency_p50_ms']:.2f} | {row['latency_p99_ms']:.2f} | {row['images_per_second']:.0f} | "
              f"{row.get('copy_ms', 0):.2f} | {row.get('compute_ms', 0):.2f} |" for row in engine["result"]["batches"]]
    return "\n".join(lines) + "\n"


def recorded(bundle, parts):
    """The page's form of it (schema beralih.recorded/1, web/README.md): a card's run, never to be taken for the processor's."""
    steady, engine = parts["steady"], parts["engine"]
    requests, latency = steady["result"]["requests"], steady["result"]["latency_ms"]
    versions = {"libtorch": engine["result"]["library"].removeprefix("libtorch "), "model": bundle,
                "CUDA": str(engine["result"].get("card", {}).get("cuda_runtime", ""))}
    return {"schema": "beralih.recorded/1", "experiment": "challenge-gpu", "recorded_at": steady["date"],
            "machine": f"{steady['machine']['card'] or steady['device']}, {steady['machine']['cores']} cores",
            "versions": versions,
            "series": [{"id": f"native-{bundle}", "name": f"beralih serve, {bundle}", "requests": requests["scheduled"],
                        "refused": requests["refused"], "lost": requests["failed"],
                        "latency_ms": {key: latency[key] for key in ("p50", "p90", "p99", "max")}}]}


def publish(root, bundle, parts, text):
    results = root / "tests/bench/results"
    (results / f"gpu-{bundle}.json").write_text(json.dumps(recorded(bundle, parts), indent=2) + "\n")
    page = root / "native_server/BENCHMARKS.md"
    begin, end = f"<!-- {bundle} -->", f"<!-- end of {bundle} -->"
    old = page.read_text()
    block = f"{begin}\n{text}{end}\n"
    if begin in old:
        old = old[:old.index(begin)] + block + old[old.index(end) + len(end) + 1:]
    else:
        old += "\n" + block
    page.write_text(old)
