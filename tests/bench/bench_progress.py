"""What a long benchmark has measured so far, in a file: a failure near its end loses one part, and --resume goes on behind the others.

A kept part is used again only by the same measurement: `about` (program, machine, options) must be what it was.
"""
import json
import os
import sys
import time


class Progress:
    def __init__(self, path, about, resume):
        self.path = path
        kept = json.loads(path.read_text()) if resume and path.exists() else None
        if resume and kept is None:
            print(f"nothing was kept in {path}: this begins at the beginning", file=sys.stderr)
        elif kept and kept["about"] != about:
            differs = ", ".join(sorted(key for key in {*about, *kept["about"]} if about.get(key) != kept["about"].get(key)))
            raise SystemExit(f"{path} is of another measurement ({differs} differ): begin anew, without --resume")
        self.kept = kept or {"about": about, "began": time.time(), "seconds": 0.0, "parts": {}}

    def part(self, name, make):
        """What `make` returns (JSON can hold it), or what an earlier run kept of it."""
        if name in self.kept["parts"]:
            print(f"kept: {name}", file=sys.stderr, flush=True)
            return self.kept["parts"][name]
        started = time.monotonic()
        result = self.kept["parts"][name] = make()
        self.kept["seconds"] += time.monotonic() - started
        beside = self.path.with_suffix(".writing")
        beside.write_text(json.dumps(self.kept))
        os.replace(beside, self.path)  # whole, or as it was before
        return result

    def began(self):
        """Of the first run, as seconds since 1970."""
        return self.kept["began"]

    def seconds(self):
        """Spent on measuring, in all runs."""
        return self.kept["seconds"]

    def done(self):
        self.path.unlink(missing_ok=True)
