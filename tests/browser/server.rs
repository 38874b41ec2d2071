use crate::way::Way;
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// The real binary, with a Postgres of its own, on a port of its own.
pub struct Server {
    child: Child,
    pub url: String,
    http: reqwest::Client,
    data: TempDir,
}

impl Server {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(options: &[(&str, &str)]) -> Self {
        let port = free_port();
        Self::known_as(port, port, options).await
    }

    /// A server that browsers reach by a way that may lose and hold back answers.
    pub async fn behind_a_way(options: &[(&str, &str)]) -> (Self, Way) {
        let port = free_port();
        let way = Way::to(port).await;
        (Self::known_as(way.port, port, options).await, way)
    }

    async fn known_as(public_port: u16, port: u16, options: &[(&str, &str)]) -> Self {
        let (data, url) = (TempDir::new().unwrap(), format!("http://localhost:{public_port}"));
        let child = Command::new(env!("CARGO_BIN_EXE_heirloom"))
            .env_remove("DATABASE_URL")
            .env("HEIRLOOM_DATA_DIR", data.path())
            .env("HEIRLOOM_BIND", format!("127.0.0.1:{port}"))
            .env("HEIRLOOM_PUBLIC_URL", &url)
            .env("HEIRLOOM_INSECURE_FOR_TESTS", "true")
            .env("HEIRLOOM_BCRYPT_COST", "4")
            .env("HEIRLOOM_LOG", "warn")
            .env("HEIRLOOM_METRICS_BIND", "")
            .envs(options.iter().copied())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let server =
            Self { child, url, http: reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap(), data };
        server.until_ready().await;
        server
    }

    async fn until_ready(&self) {
        for _ in 0..2400 {
            let ready = self.http.get(format!("{}/readyz", self.url)).send().await;
            if ready.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server did not become ready");
    }

    pub async fn register(&self, email: &str, password: &str) {
        let body = json!({ "email": email, "password": password });
        let answer = self.http.post(format!("{}/api/v1/auth/register", self.url)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    }

    /// How many sessions somebody has beside the one that this sign-in makes.
    pub async fn sessions(&self, email: &str, password: &str) -> usize {
        let body = json!({ "email": email, "password": password });
        let request = self.http.post(format!("{}/api/v1/auth/login", self.url)).json(&body);
        let signed_in: Value = request.send().await.unwrap().json().await.unwrap();
        let request = self.http.get(format!("{}/api/v1/me/sessions", self.url));
        let request = request.bearer_auth(signed_in["access_token"].as_str().unwrap());
        let listed: Value = request.send().await.unwrap().json().await.unwrap();
        listed["items"].as_array().unwrap().iter().filter(|session| session["current"] == false).count()
    }

    /// Somebody with the role `admin`, made at the command line.
    pub async fn register_admin(&self, email: &str, password: &str) {
        self.register(email, password).await;
        let mut grant = Command::new(env!("CARGO_BIN_EXE_heirloom"));
        grant
            .args(["user", "grant", email, "admin"])
            .env_remove("DATABASE_URL")
            .env("HEIRLOOM_DATA_DIR", self.data.path());
        assert!(grant.stdout(Stdio::null()).status().unwrap().success());
    }

    /// POST of JSON from elsewhere, by something that calls itself `user_agent`.
    pub async fn post(&self, path: &str, user_agent: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.url)).header("user-agent", user_agent);
        let answer = request.json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// Changes the name of the bearer.
    pub async fn rename(&self, access_token: &str, name: &str) {
        let request = self.http.patch(format!("{}/api/v1/me", self.url)).bearer_auth(access_token);
        assert_eq!(request.json(&json!({ "name": name })).send().await.unwrap().status(), 200);
    }

    /// What somebody gets who refreshes with this cookie from another machine.
    pub async fn refresh_elsewhere(&self, cookie: &str) -> (u16, Value) {
        let request = self.http.post(format!("{}/api/v1/auth/refresh", self.url));
        let answer = request.header("cookie", format!("heirloom={cookie}")).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Drop for Server {
    /// Asked to stop, so that it takes its Postgres along.
    fn drop(&mut self) {
        drop(Command::new("kill").arg(self.child.id().to_string()).status());
        drop(self.child.wait());
    }
}
