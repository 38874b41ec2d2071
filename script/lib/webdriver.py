"""A headless Chromium, driven through chromedriver with nothing but the standard library (W3C WebDriver)."""

import base64
import json
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

# What headless Chromium needs as root and in a container, and what keeps it from calling home.
SWITCHES = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the name that the standard gives to a reference
PATIENCE = 180  # seconds: a machine may be busy


class Browser:
    """A browser with a profile of its own; `with Browser() as browser`."""

    def __enter__(self):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        started = next(line for line in self.driver.stdout if "started successfully on port" in line)
        port = re.search(r"port (\d+)", started)[1]
        self.base = f"http://127.0.0.1:{port}/session"
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        options = {"args": [*SWITCHES, f"--user-data-dir={self.profile.name}"]}
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
        try:
            self.base += "/" + self.start_session(wanted)["sessionId"]
        except BaseException:
            self.driver.terminate()
            raise
        return self

    def start_session(self, wanted):
        """chromedriver waits a minute for the browser, which is too short on a machine that is busy."""
        for attempts_left in reversed(range(5)):
            try:
                return self.ask("POST", "", wanted)
            except RuntimeError as error:
                if not attempts_left or "session not created" not in str(error):
                    raise

    def __exit__(self, *_):
        try:
            self.ask("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
            self.profile.cleanup()

    def ask(self, method, path, body=None):
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def go(self, url):
        self.ask("POST", "/url", {"url": "about:blank"})  # so that another fragment loads the page again
        self.ask("POST", "/url", {"url": url})

    def find(self, css):
        return self.ask("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def click(self, css):
        self.ask("POST", f"/element/{self.find(css)}/click")

    def type_into(self, css, text):
        found = self.find(css)
        self.ask("POST", f"/element/{found}/clear")
        self.ask("POST", f"/element/{found}/value", {"text": text})

    def run(self, script, *arguments):
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def until(self, script, *arguments):
        """Waits until a script returns something true."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if self.run(script, *arguments):
                    return
            except RuntimeError:
                pass  # between two pages
            time.sleep(0.05)
        shown = self.run("return location.href + '\\n' + document.body.innerText")
        raise SystemExit(f"not on the page: {script} {arguments}\n{shown}")

    def shows(self, css):
        """Waits until an element is visible."""
        self.until("return [...document.querySelectorAll(arguments[0])].some((element) => element.checkVisibility())", css)

    def command(self, name, parameters):
        return self.ask("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def run_scripts(self, are_run):
        """Whether pages run their scripts; `run` works all the same."""
        self.command("Emulation.setScriptExecutionDisabled", {"value": not are_run})

    def look_like(self, width, scheme):
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]
        self.command("Emulation.setEmulatedMedia", {"features": features})

    def picture(self, file):
        """The whole page, however long it is."""
        # The first element of a page that scrolls is where the user begins to read.
        self.run("scrollTo(0, 0)")
        width, height = self.run("const { documentElement: page } = document; return [page.scrollWidth, page.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        taken = self.command("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        file.write_bytes(base64.b64decode(taken["data"]))
