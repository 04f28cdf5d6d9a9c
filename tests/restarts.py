"""Servers that are stopped, reloaded and killed while clients ask: what tests/http and, longer, tests/slow run."""
import collections
import http.client
import re
import select
import signal
import socket
import statistics
import threading
import time

from server_process import Server


class Load:
    """Clients that ask without a pause until the `with` block ends: each with a new connection a request, or with one
    that is kept for as long as the server keeps it. What is refused, reset or left without an answer is counted; nothing is
    sent twice."""

    def __init__(self, port, image, new=3, kept=0):
        self.port, self.image = port, image
        self.statuses, self.lost = collections.Counter(), []
        self.longest = 0.0
        self._ended, self._lock = threading.Event(), threading.Lock()
        self._clients = [threading.Thread(target=self._ask, args=(i >= new,)) for i in range(new + kept)]

    def _ask(self, keep):
        connection = None
        while not self._ended.is_set():
            start = time.monotonic()
            if connection is not None and select.select([connection.sock], [], [], 0)[0]:
                connection.close()  # the server has ended it, between two requests; clients look for that
                connection = None
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.request("POST", "/api/classify", self.image, {"Content-Type": "image/jpeg"})
                response = connection.getresponse()
                response.read()
                closes = response.will_close
                outcome, fault = response.status, None
            except (OSError, http.client.HTTPException) as error:
                closes, outcome, fault = True, None, repr(error)
            with self._lock:
                if fault:
                    self.lost.append(fault)
                else:
                    self.statuses[outcome] += 1
                self.longest = max(self.longest, time.monotonic() - start)
            if closes or not keep:
                connection.close()
                connection = None

    def __enter__(self):
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for client in self._clients:
            client.join()


NO_NETWORK = ("--engine", "null")  # what is tried here is the server around it


def listen():
    """A socket that outlives the servers that it is handed to, as systemd holds that of beralih.socket."""
    return socket.create_server(("127.0.0.1", 0), backlog=4096)


def _milliseconds(seconds):
    return f"{statistics.median(seconds) * 1000:.0f} ms (longest {max(seconds) * 1000:.0f})"


def restart_under_load(binary, bundle, image, folder, rounds, arguments=(), kept=0):
    """Stops the server by SIGTERM and starts its successor on the same socket, `rounds` times. Returns the load."""
    stops, starts = [], []
    with listen() as listener:
        def start(number):
            return Server(binary, bundle, "--quiet", "--deadline-ms", "0", *arguments, log=folder / f"server-{number}.log",
                          listener=listener)
        server = start(0)
        server.wait_until_ready()
        with Load(listener.getsockname()[1], image, kept=kept) as load:
            for number in range(1, rounds + 1):
                time.sleep(0.2)
                stopped = time.monotonic()
                status = server.stop()
                server.__exit__()
                assert status == 0, server.log()
                ended = time.monotonic()
                server = start(number)
                server.wait_until_ready()
                stops.append(ended - stopped)
                starts.append(time.monotonic() - ended)
            time.sleep(0.2)
        assert server.stop() == 0
        server.__exit__()
    print(f"{rounds} restarts under load: {sum(load.statuses.values())} answers {dict(load.statuses)}, {len(load.lost)} lost; "
          f"SIGTERM to end {_milliseconds(stops)}, start to ready {_milliseconds(starts)}, "
          f"longest answer {load.longest * 1000:.0f} ms")
    return load


def reload_under_load(binary, bundle, image, folder, rounds, arguments=()):
    """Reloads by SIGHUP and by POST /api/admin/reload in turn, `rounds` times. Returns the load."""
    times = []
    with Server(binary, bundle, "--quiet", "--deadline-ms", "0", *arguments, log=folder / "log") as server:
        server.wait_until_ready()
        with Load(server.port, image, new=2, kept=2) as load:
            for number in range(1, rounds + 1):
                if number % 2:
                    answer = server.request("POST", "/api/admin/reload", b"")
                    assert answer.status == 200, answer.body
                    times.append(answer.json()["total_ms"] / 1000)
                else:
                    server.process.send_signal(signal.SIGHUP)
                end = time.monotonic() + 120
                while server.log().count(", as before") < number:  # "reloaded in 0.42 s; contract …, as before"
                    assert time.monotonic() < end and "not reloaded" not in server.log(), server.log()
                    time.sleep(0.01)
        assert server.stop() == 0
    print(f"{rounds} reloads under load: {sum(load.statuses.values())} answers {dict(load.statuses)}, {len(load.lost)} lost; "
          f"a reload took {_milliseconds(times)}, longest answer {load.longest * 1000:.0f} ms")
    return load


def kill_and_come_back(binary, bundle, image, folder, rounds, arguments=()):
    """kill -9 with a supervisor that starts anew at once. Returns the seconds until a request is answered again."""
    times = []
    with listen() as listener:
        port = listener.getsockname()[1]
        server = Server(binary, bundle, *arguments, log=folder / "server-0.log", listener=listener)
        server.wait_until_ready()
        for number in range(1, rounds + 1):
            time.sleep(0.5)  # the golden cases that follow ready are through
            killed = time.monotonic()
            server.process.kill()
            server.process.wait()
            server.__exit__()
            server = Server(binary, bundle, *arguments, log=folder / f"server-{number}.log", listener=listener)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/v2/health/ready")  # waits in the kernel until somebody accepts
            status = connection.getresponse().status
            times.append(time.monotonic() - killed)
            connection.close()
            assert status == 200
            line = server.wait_for_log(r"ready in .*?\)", 5).group()
            print(f"kill -9 to ready {times[-1]:.2f} s; of that {re.sub('^ready in', 'in the new process', line)}")
            server.port = port
            assert server.classify(image).status == 200
        server.__exit__()
    return times
