use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use thirtyfour::prelude::*;

/// Switches that headless Chromium needs as root and in a container, and those that keep it from calling home.
const SWITCHES: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
];

/// Deque's axe-core 4.14.1 (MPL-2.0), as npm has it.
const AXE: &str = include_str!("axe/axe.min.js");

/// A Chromium with a profile of its own, driven through chromedriver.
pub struct Browser {
    pub page: WebDriver,
    driver: Child,
    _profile: TempDir,
}

/// The port that chromedriver has taken: it prints "... was started successfully on port 40123." None: it has ended.
fn port_of(driver: &mut Child) -> Option<u16> {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("started successfully on port"))?;
    // Someone has to read on, or chromedriver would wait.
    std::thread::spawn(move || lines.for_each(drop));
    let digits = |character: char| character.is_ascii_digit();
    Some(line.chars().filter(|character| digits(*character)).collect::<String>().parse().unwrap())
}

/// Starts chromedriver. It takes a free port of IPv4, and then the same one of IPv6. Where another program has that, it ends:
/// another try finds another port.
fn start_driver() -> (Child, u16) {
    let try_once = |_| {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver is missing: script/test installs it");
        let port = port_of(&mut driver);
        if port.is_none() {
            driver.wait().unwrap();
        }
        port.map(|port| (driver, port))
    };
    (0..10).find_map(try_once).expect("chromedriver starts")
}

impl Browser {
    pub async fn open() -> Self {
        Self::with(&[]).await
    }

    /// One with more switches.
    pub async fn with(switches: &[&str]) -> Self {
        let (driver, port) = start_driver();
        let profile = TempDir::new().unwrap();
        let mut wanted = DesiredCapabilities::chrome();
        for switch in SWITCHES.iter().chain(switches) {
            wanted.add_arg(switch).unwrap();
        }
        wanted.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        let page = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await.unwrap();
        Self { page, driver, _profile: profile }
    }

    pub async fn go(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    pub async fn type_into(&self, id: &str, text: &str) {
        let field = self.page.find(By::Id(id)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub async fn click(&self, css: &str) {
        self.page.find(By::Css(css)).await.unwrap().click().await.unwrap();
    }

    pub async fn text(&self) -> String {
        plain(&self.page.find(By::Tag("body")).await.unwrap().text().await.unwrap())
    }

    /// Waits until the page shows this text, and says what it shows if it never does.
    pub async fn shows(&self, text: &str) {
        for _ in 0..1200 {
            if let Ok(body) = self.page.find(By::Tag("body")).await
                && body.text().await.is_ok_and(|shown| plain(&shown).contains(text))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (url, shown) = (self.page.current_url().await.unwrap(), self.text().await);
        panic!("{url} does not show {text:?} but:\n{shown}");
    }

    pub async fn is_at(&self, path: &str) -> bool {
        self.page.current_url().await.unwrap().path() == path
    }

    /// The refresh token in the cookie jar, which no script sees.
    pub async fn refresh_token(&self) -> Option<String> {
        let jar = self.cdp("Storage.getCookies", json!({})).await;
        let cookies = jar["cookies"].as_array().unwrap();
        let ours = cookies.iter().find(|cookie| cookie["name"] == "heirloom")?;
        assert_eq!(ours["httpOnly"], true);
        assert_eq!(ours["sameSite"], "Strict");
        assert_eq!(ours["path"], "/api/v1/auth");
        Some(ours["value"].as_str().unwrap().to_owned())
    }

    /// What the page's scripts and storage hold, all of it.
    pub async fn everything_reachable(&self) -> String {
        let script = "return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie,
            document.documentElement.outerHTML,
            Object.keys(window).map(key => { try { return [key, JSON.stringify(window[key])] } catch { return key } })])";
        let found = self.page.execute(script, Vec::new()).await.unwrap();
        found.json().as_str().unwrap().to_owned()
    }

    /// From now on, what a page does that it should not is written down: a dialog (an injected script's sign of life),
    /// a breach of the policy, an uncaught error.
    pub async fn watch(&self) {
        let source = "{
            const tell = (what) => {
                const all = JSON.parse(sessionStorage.getItem('trouble') ?? '[]');
                sessionStorage.setItem('trouble', JSON.stringify([...all, `${location.pathname}: ${what}`]));
            };
            for (const name of ['alert', 'confirm', 'prompt']) window[name] = () => tell(name);
            addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
                tell(`policy ${violatedDirective} ${blockedURI}`));
            addEventListener('error', ({ message }) => tell(`error ${message}`));
            addEventListener('unhandledrejection', ({ reason }) => tell(`unhandled ${reason}`));
            const { error } = console;
            console.error = (...words) => { tell(`console ${words}`); error(...words); };
        }";
        self.on_every_page(source).await;
    }

    /// Runs a script at the start of every page from now on, before the page's own.
    pub async fn on_every_page(&self, source: &str) {
        self.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    }

    /// What was written down.
    pub async fn trouble(&self) -> Vec<String> {
        let script = "return JSON.parse(sessionStorage.getItem('trouble') ?? '[]')";
        self.page.execute(script, Vec::new()).await.unwrap().convert().unwrap()
    }

    /// Whether something sticks out to the right.
    pub async fn overflows(&self) -> bool {
        let script = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
        self.page.execute(script, Vec::new()).await.unwrap().json().as_bool().unwrap()
    }

    /// What axe-core finds against WCAG 2.2 AA and its own best practices: rule and elements.
    pub async fn barriers(&self) -> Vec<String> {
        // A page that changes (the language switch, a sign-out) forgets it.
        self.page.execute("if (!window.axe) (0, eval)(arguments[0])", vec![json!(AXE)]).await.unwrap();
        let look = "const done = arguments[0];
            axe.run(document, { resultTypes: ['violations'] }).then(
                ({ violations }) => done(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`)),
                (error) => done([String(error)]))";
        self.page.execute_async(look, Vec::new()).await.unwrap().convert().unwrap()
    }

    pub async fn look_like(&self, width: u32, scheme: &str) {
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
        // Still, so that no picture is taken between two colours.
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.cdp("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Whether pages run their scripts from now on.
    pub async fn run_scripts(&self, run: bool) {
        self.cdp("Emulation.setScriptExecutionDisabled", json!({ "value": !run })).await;
    }

    /// Takes the network away, or gives it back.
    pub async fn network(&self, is_there: bool) {
        self.cdp("Network.enable", json!({})).await;
        let conditions =
            json!({ "offline": !is_there, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.cdp("Network.emulateNetworkConditions", conditions).await;
    }

    /// Waits until a script says true.
    pub async fn until(&self, script: &str) {
        for _ in 0..1200 {
            if self.page.execute(script, Vec::new()).await.is_ok_and(|said| said.json() == true) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it never came to pass: {script}");
    }

    /// A screenshot, in `target/screenshots`.
    pub async fn screenshot(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        self.page.screenshot(&folder.join(format!("{name}.png"))).await.unwrap();
    }

    /// A command of the `DevTools` protocol.
    pub async fn cdp(&self, command: &str, parameters: Value) -> Value {
        self.page.cdp().send_raw(command, parameters).await.unwrap()
    }

    pub async fn close(self) {
        self.page.clone().quit().await.unwrap();
    }
}

/// A text with plain hyphens: pages show one in "e-mail" after which no line breaks.
fn plain(shown: &str) -> String {
    shown.replace('\u{2011}', "-")
}

impl Drop for Browser {
    /// With the browser that it started, also when the test failed.
    fn drop(&mut self) {
        drop(Command::new("kill").args(["-9", "--", &format!("-{}", self.driver.id())]).status());
        drop(self.driver.wait());
    }
}
