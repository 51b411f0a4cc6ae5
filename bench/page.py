"""`python -m bench.page`: the chat page in a real Chromium, against the bars it must keep.

python -m bench.page                  on a stack of its own, with a stand-in engine that says a word every 20 ms
python -m bench.page --url URL        on a running stack, with its engine
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openai import OpenAI
from playwright.sync_api import Browser, Page, sync_playwright

from bench.processes import REPOSITORY
from bench.targets import engine
from local.parts import temporary_home
from local.parts.ports import free_port

READER = "Page Bench"
MESSAGES = 2000
LOADS = 5
INTERVAL_MS = 20.0
# The API takes this many items at once.
BATCH = 20
ANSWER = (
    "It works like **this**:\n\n- a first step of part {0}\n- a second step\n\nAnd a sentence that wraps, as they do.\n"
)
CODE = "```python\ndef part_{0}(value: int) -> int:\n    return value + {0}\n```\n"

FRAMES = """async (ms) => {
  const gaps = [];
  let last = await new Promise(requestAnimationFrame);
  const end = last + ms;
  while (last < end) {
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
  }
  return gaps;
}"""
# From a key's handler to the frame that shows it, and after that frame's painting.
KEYS = """async (count) => {
  const box = document.querySelector("textarea");
  const times = [];
  for (let key = 0; key < count; key++) {
    await new Promise(requestAnimationFrame);
    const start = performance.now();
    box.value += "x";
    box.dispatchEvent(new InputEvent("input", { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    times.push(performance.now() - start);
  }
  return times;
}"""


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    limit: float
    unit: str = ""
    at_least: bool = False

    def line(self, value: float) -> str:
        kept = value >= self.limit if self.at_least else value <= self.limit
        wanted = f"{'≥' if self.at_least else '≤'} {self.limit:g}"
        return f"{'ok  ' if kept else 'OVER'}  {self.label:<44} {value:>8.1f} {self.unit:<4} {wanted}"


@dataclass(frozen=True, slots=True)
class Load:
    """One visit with an empty cache by a reader who is signed in. Times are ms from the start of the navigation."""

    bytes: int
    requests: int
    painted_ms: float
    usable_ms: float


LOAD_BARS = (
    (Bar("transferred", 250, "kB"), lambda load: load.bytes / 1000),
    (Bar("requests", 15), lambda load: load.requests),
    (Bar("first paint", 400, "ms"), lambda load: load.painted_ms),
    (Bar("usable", 800, "ms"), lambda load: load.usable_ms),
)
FPS_BAR = Bar("frames a second, streaming", 50, at_least=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running stack; without it, one is started")
    url = parser.parse_args().url
    if url:
        measure(url, os.environ.get("PARLEY_HOME", str(REPOSITORY / ".parley")))  # noqa: TID251 - as `parley` itself
        return
    with temporary_home() as home, engine(home, INTERVAL_MS) as port, own_stack(home, port) as own_url:
        measure(own_url, str(home / "stack"))


@contextmanager
def own_stack(home: Path, engine_port: int) -> Iterator[str]:
    port = str(free_port())
    folder = str(home / "stack")
    run_parley(folder, port, "up", "--detach", ENGINE_URL=f"http://127.0.0.1:{engine_port}/v1")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        run_parley(folder, port, "down")


def run_parley(home: str, port: str, *arguments: str, **extra: str) -> str:
    parley = Path(sys.executable).parent / "parley"
    environment = {**os.environ, "PARLEY_HOME": home, "PORT": port, **extra}  # noqa: TID251 - as a user's shell would
    return subprocess.run([parley, *arguments], env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout


def measure(url: str, home: str) -> None:
    token = run_parley(home, url.rpartition(":")[2], "token", "--user", READER).strip()
    conversation = make_long_conversation(OpenAI(base_url=f"{url}/v1", api_key=token))
    with sync_playwright() as playwright:
        found = shutil.which("chromium") or shutil.which("google-chrome") or playwright.chromium.executable_path
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        with playwright.chromium.launch(executable_path=found, args=arguments) as browser:
            page = sign_in(browser, url)
            report_loads("a new chat", [load(page, url) for _ in range(LOADS)])
            long = f"{url}/c/{conversation}"
            report_loads(f"{MESSAGES} messages", [load(page, long) for _ in range(LOADS)])
            report_streaming(page)


def make_long_conversation(client: OpenAI) -> str:
    made = client.conversations.create(extra_body={"title": "Long"})
    items: list[Any] = []
    for number in range(MESSAGES // 2):
        answer = ANSWER.format(number) + (CODE.format(number) if number % 5 == 0 else "")
        items.append({"type": "message", "role": "user", "content": f"How does part {number} of this work?"})
        items.append({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": answer}]})
    for start in range(0, len(items), BATCH):
        client.conversations.items.create(made.id, items=items[start : start + BATCH])
    return made.id


def sign_in(browser: Browser, url: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(url)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Name").fill(READER)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("textbox", name="Message").wait_for()
    return page


def load(page: Page, url: str) -> Load:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.clearBrowserCache")
    sizes: list[int] = []
    asked: list[str] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    session.on("Network.requestWillBeSent", lambda event: asked.append(event["request"]["url"]))
    page.goto(url, wait_until="commit")
    page.get_by_role("textbox", name="Message").wait_for()
    # "/c/…" is usable when its messages are there as well.
    page.locator("[data-key]" if "/c/" in url else "textarea").last.wait_for()
    usable_ms = page.evaluate("performance.now()")
    page.wait_for_load_state("networkidle")
    painted_ms = page.evaluate("performance.getEntriesByType('paint')[0].startTime")
    session.detach()
    return Load(sum(sizes), sum(not one.startswith("data:") for one in asked), painted_ms, usable_ms)


def report_loads(what: str, loads: list[Load]) -> None:
    print(f"\n{what}: median of {len(loads)} visits, cache empty, signed in")
    for bar, value in LOAD_BARS:
        print(bar.line(statistics.median(value(one) for one in loads)))


def report_streaming(page: Page) -> None:
    page.get_by_role("textbox", name="Message").fill("bench/4000 Tell me all of it.")
    page.keyboard.press("Enter")
    page.locator("[aria-busy=true] .prose").wait_for()
    gaps = sorted(page.evaluate(FRAMES, 5000))
    keys = sorted(page.evaluate(KEYS, 40))
    print(f"\n{MESSAGES} messages, an answer streaming, {page.locator('[data-key]').count()} mounted")
    print(FPS_BAR.line(1000 / statistics.mean(gaps)))
    print(f"      {'longest gap between frames, p99':<44} {gaps[int(len(gaps) * 0.99)]:>8.1f} ms")
    print(f"      {'key to paint, p95':<44} {keys[int(len(keys) * 0.95)]:>8.1f} ms")
    page.keyboard.press("Escape")


if __name__ == "__main__":
    main()
