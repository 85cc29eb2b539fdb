"""How `artlives serve` bears a crowd: Locust's clients against it, and its memory meanwhile.

    pip install locust
    python -m benchmarks.service [--clients 50] [--seconds 60]

Each client previews a photo in a style and at a size drawn anew, thinks for a moment, and previews it again; now and
then it asks for a painting in all passes or for a sheet, or goes away before its painting is done. It comes back after
Retry-After seconds where the queue is full: 503 is an answer, any other error a failure. Prints Locust's table, and the
service's memory.
"""

import argparse
import random
import subprocess
import sys
import time
from pathlib import Path

from locust import HttpUser, between, task

PHOTO = (Path(__file__).parents[1] / "images" / "coffee.jpg").read_bytes()
STYLES = ("rain-princess", "scream", "shipwreck", "udnie", "wave")
SIZES = (128, 256, 384, 512)


class Visitor(HttpUser):
    wait_time = between(0.5, 1.5)

    @task(20)
    def preview(self) -> None:
        settings = {"style": random.choice(STYLES), "size": random.choice(SIZES), "one_pass": True}
        self.ask("/api/stylize", settings, "preview")

    @task(2)
    def stylize(self) -> None:
        self.ask("/api/stylize", {"style": random.choice(STYLES)}, "painting")

    @task(1)
    def sheet(self) -> None:
        self.ask("/api/sheet", {"size": 128}, "sheet")

    @task(2)
    def leave(self) -> None:
        settings = {"style": random.choice(STYLES), "size": 512}
        with self.client.post(
            "/api/stylize",
            settings,
            files={"file": PHOTO},
            timeout=0.05,
            name="left early",
            catch_response=True,
        ) as answer:
            answer.success()

    def ask(self, path: str, settings: dict[str, object], name: str) -> None:
        photo = {"file": PHOTO}
        with self.client.post(path, settings, files=photo, name=name, catch_response=True) as answer:
            if answer.status_code == 503:
                answer.request_meta["name"] += " (503: full)"
                answer.success()
                time.sleep(float(answer.headers["Retry-After"]))
            elif answer.ok and answer.content[:2] != b"\xff\xd8":
                answer.failure("not a JPEG")


def memory(process: int) -> float:
    """The resident memory of a process, MB; Linux alone tells it so."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description="Many clients at once against the service.")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()

    command = [sys.executable, "-u", "-m", "artlives", "serve", "--port", "0"]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert service.stdout
    link = service.stdout.readline().strip()
    crowd_size = ["-u", str(options.clients), "-r", str(options.clients), "-t", f"{options.seconds}s"]
    locust = [sys.executable, "-m", "locust", "-f", __file__, "--headless", "--only-summary", *crowd_size]
    crowd = subprocess.Popen([*locust, "--host", link.rstrip("/")])
    started, samples = time.monotonic(), []
    while crowd.poll() is None:
        samples.append((time.monotonic() - started, memory(service.pid)))
        time.sleep(1)
    print("the service's memory:")
    for part in range(11):
        second, megabytes = samples[part * (len(samples) - 1) // 10]
        print(f"  after {second:4.0f} s  {megabytes:6.0f} MB")
    service.terminate()
    service.wait()
    sys.exit(crowd.returncode)


if __name__ == "__main__":
    main()
