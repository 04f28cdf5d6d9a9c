"""How far a long step is: rewritten on a terminal, a line every ten seconds in a log, nothing for what is short."""
import sys
import time


class Progress:
    FIRST_S, TERMINAL_S, LOG_S = 1.0, 0.2, 10.0

    def __init__(self, total: int, unit: str, scale: float = 1.0):
        self.total, self.unit, self.scale = total, unit, scale
        self.done = 0
        self.terminal = sys.stderr.isatty()
        self.next = time.monotonic() + (self.FIRST_S if self.terminal else self.LOG_S)
        self.shown = False

    def add(self, amount: int) -> None:
        self.done += amount
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + (self.TERMINAL_S if self.terminal else self.LOG_S)
        self.shown = True
        text = f"  {100 * self.done // max(1, self.total):3d} %  {self.done * self.scale:.0f} of " \
               f"{self.total * self.scale:.0f} {self.unit}"
        print(f"\r{text}" if self.terminal else text, end="" if self.terminal else "\n", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.shown and self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def megabytes(total: int) -> Progress:
    return Progress(total, "MB", 1e-6)
