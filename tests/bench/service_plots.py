"""services.json as a Markdown table and two SVG plots."""
import math
from html import escape

import service_limits
import service_rows

# (on a light ground, on a dark one): each at least 4.5 to 1
COLORS = (("#0b6e4f", "#4fd1a5"), ("#2b7a0b", "#9be564"), ("#1261a0", "#7cc4ff"), ("#b23a48", "#ff8a96"), ("#9a4f00", "#ffb366"),
          ("#5b5f97", "#b3b7f5"), ("#666666", "#bdbdbd"))
STYLE = ("<style>.ground{fill:#fff}text{fill:#1a1a1a}.grid{stroke:#ddd}"
         + "".join(f".line{i}{{stroke:{light}}}.dot{i}{{fill:{light}}}" for i, (light, _) in enumerate(COLORS))
         + "@media (prefers-color-scheme:dark){.ground{fill:#14171c}text{fill:#e8e8e8}.grid{stroke:#3a3f47}"
         + "".join(f".line{i}{{stroke:{dark}}}.dot{i}{{fill:{dark}}}" for i, (_, dark) in enumerate(COLORS)) + "}</style>")
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 840, 380, 64, 56, 24, 270


def p99(load):
    return of_requests(load["latency_ms"]["p99"], load["p99_bound_ms"], load["samples"])


def of_requests(milliseconds, bound, samples):
    """A 99th percentile, of how many requests, and what it is below at 95 % confidence; of fewer than 299 nothing can be said."""
    return f"{milliseconds:.0f} ms (n {samples}" + (f", ≤ {bound:.0f})" if bound is not None else ")")


def program_text(result):
    return f"{result['program']['name']} {result['program']['version']}, commit {result['program']['commit']}"


def label(name, peer):
    """A native row's name, with what it really ran."""
    engine = peer.get("engine")
    return f"{name} ({engine['variant']} {engine['dtype']})" if engine else name


def main_row(name, peer):
    loads = {load["at"]: load for load in peer["loads"]}
    def at(where, text):
        return text(loads[where]) if where in loads else "–"
    eight = of_requests(peer["eight_clients_p99_ms"], peer["eight_clients_p99_bound_ms"], peer["eight_clients_samples"]) if "eight_clients_samples" in peer else "–"
    return (f"| {name} | {service_rows.ran(peer)} | {peer['capacity_per_s']:.1f} | {at('10/s', p99)} | {at(service_limits.AT_OWN, p99)} "
            f"| {at(service_limits.AT_OPPONENTS, p99)} | {eight} | {at('1.2 x capacity', lambda load: format(load['served_per_s'], '.1f') + '/s')} "
            f"| {peer['ready_s']:.2f} s | {peer['first_prediction_s']:.2f} s | {peer['killed_to_ready_s']:.2f} s "
            f"| {peer['memory_mb']['resident']:.0f} ({peer['memory_mb']['private']:.0f}) MB | {peer['lost_at_sigterm']} |")


def table(result):
    machine, ceiling = result["machine"], result["ceiling"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [f"{program_text(result)}; {result['bundle']['name']} {result['bundle']['version']}, {result['image']}; {result['date'][:10]}, {machine['cpu']}, "
             f"{result['server_cores']} core(s) for the service and one for the load generator, load average {machine['load_average']:.2f} before; "
             f"{versions}. {result['rounds']} rounds, {result['minutes']:.0f} minutes. n: requests that a percentile is of; ≤: what it is below at 95 % confidence."
             + (" **A trial with short rounds: not to be published.**" if result["quick"] else ""), "",
             "| | runs | images/s | p99 at 10/s | p99 at 0.7 x own capacity | p99 at 0.7 x the best Python's | p99, 8 clients | served at 1.2 x | ready | first answer | "
             "killed to ready | resident (private) | lost at SIGTERM |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
             *(main_row(name, peer) for name, peer in result["peers"].items()), "",
             *(f"- {name}: {peer['what']}" for name, peer in result["peers"].items())]
    for name, peer in result["peers"].items():
        if len(peer["loads"]) == 1:
            (load,) = peer["loads"]
            lines.append(f"- {name}, {load['at']}: p50 {load['latency_ms']['p50']:.0f} ms, p99 {p99(load)}")
    if ceiling:
        lines.append("- ceiling, libtorch alone without HTTP: " + ", ".join(
            f"{form}{' (the default)' if row == 'default_forward' else ''} {1e3 / ceiling['rows'][row]['wall_ms_per_image']:.1f} images/s"
            for row, form in ceiling["forms"].items()))
    warnings = [f"- {name} at {load['at']}: {warning}" for name, peer in result["peers"].items() for load in peer["loads"]
                if load["at"] != "1.2 x capacity" for warning in load["client_warnings"]]
    return "\n".join([*lines, *(["", "What the load generator noticed:", *warnings] if warnings else [])]) + "\n"


def whole_text(result):
    """What stands in README.md and services.md, but for the plots."""
    return (table(result) if result["peers"] else "") + service_rows.tables(result) + "\n" + service_limits.table(result["limits"])


def plot(title, x_title, y_title, series, x_ticks):
    """`series`: name -> [(x, y)]; `x_ticks`: [(x, text)]; y is logarithmic."""
    xs = [x for points in series.values() for x, _ in points] + [x for x, _ in x_ticks]
    ys = [max(y, 0.1) for points in series.values() for _, y in points]
    low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)) + 1e-9)
    high = max(high, low + 1)

    def at(x, y):
        across = (x - min(xs)) / ((max(xs) - min(xs)) or 1)
        up = (math.log10(max(y, 0.1)) - low) / (high - low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" '
             'font-family="sans-serif" font-size="12">'
             f'{STYLE}<rect width="100%" height="100%" class="ground"/>'
             f'<text x="{LEFT}" y="15" font-weight="bold">{escape(title)}</text>']
    for power in range(low, high + 1):
        _, y = at(min(xs), 10 ** power)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" class="grid"/>'
                     f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10 ** power:g}</text>')
    for x, text in x_ticks:
        across, _ = at(x, 10 ** low)
        parts.append(f'<text x="{across:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{escape(text)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_title)}</text>'
                 f'<text transform="translate(14 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(y_title)}</text>')
    for index, (name, points) in enumerate(series.items()):
        color, dash = index % len(COLORS), ("", "6 3", "2 3")[index % 3]
        places = [at(*point) for point in points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{line}" fill="none" class="line{color}" stroke-width="2" stroke-dasharray="{dash}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="dot{color}"/>' for x, y in places]
        key = TOP + 16 + 20 * index
        parts.append(f'<path d="M{WIDTH - RIGHT + 12} {key}h24" class="line{color}" stroke-width="2" stroke-dasharray="{dash}"/>'
                     f'<text x="{WIDTH - RIGHT + 42}" y="{key + 4}">{escape(name)}</text>')
    return "".join(parts) + "</svg>\n"


def loaded(result):
    """The services that were driven at rates."""
    return {label(name, peer): {load["at"]: load for load in peer["loads"]} for name, peer in result["peers"].items() if len(peer["loads"]) > 1}


def latency_plot(result):
    keys = ("p50", "p75", "p90", "p95", "p99")
    series = {name: [(index, loads[service_limits.AT_OWN]["latency_ms"][key]) for index, key in enumerate(keys)] for name, loads in loaded(result).items()}
    return plot(f"Latency at 0.7 x each service's own capacity; {program_text(result)}", "percentile", "ms (logarithmic)", series, list(enumerate(keys)))


def throughput_plot(result):
    series = {name: sorted((load["served_per_s"], load["latency_ms"]["p99"]) for load in loads.values()) for name, loads in loaded(result).items()}
    most = max(x for points in series.values() for x, _ in points)
    step = max(1, round(most / 6))
    ticks = [(x, str(x)) for x in range(0, math.ceil(most) + step, step)]
    return plot(f"99th percentile against throughput; {program_text(result)}", "images served a second", "p99, ms (logarithmic)", series, ticks)
