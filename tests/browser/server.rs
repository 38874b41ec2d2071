use crate::way::Way;
use heirloom_testing::{Home, Port, TlsFront};
use serde_json::{Value, json};
use std::ops::Deref;

/// The real binary, with a Postgres of its own, on a port of its own.
pub struct Server(heirloom_testing::Server);

impl Deref for Server {
    type Target = heirloom_testing::Server;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(options: &[(&str, &str)]) -> Self {
        Self(heirloom_testing::Server::on(Home::empty().with("HEIRLOOM_LOG", "warn"), options).await)
    }

    /// One whose database the test can reach past the server.
    pub async fn with_open_database(options: &[(&str, &str)]) -> Self {
        let home = Home::start().await.with("HEIRLOOM_LOG", "warn");
        Self(heirloom_testing::Server::on(home, options).await)
    }

    /// A server that browsers reach by a way that may lose and hold back answers.
    pub async fn behind_a_way(options: &[(&str, &str)]) -> (Self, Way) {
        let port = Port::reserve();
        let way = Way::to(port.number()).await;
        let public_url = format!("http://localhost:{}", way.port);
        let options = [options, &[("HEIRLOOM_PUBLIC_URL", &public_url)]].concat();
        let home = Home::empty().with("HEIRLOOM_LOG", "warn");
        let mut server = heirloom_testing::Server::spawn(home, port, &options);
        server.until_ready().await;
        server.url = public_url;
        (Self(server), way)
    }

    /// A server that browsers reach over https at this host, and that way. The URL is the browser's; the test asks past both.
    pub async fn over_https(host: &str, options: &[(&str, &str)]) -> (Self, Way, String) {
        let port = Port::reserve();
        let way = Way::to(port.number()).await;
        let public_url = format!("https://{host}:{}", TlsFront::of(way.port).await.port);
        let options = [options, &[("HEIRLOOM_PUBLIC_URL", &public_url)]].concat();
        let home = Home::empty().with("HEIRLOOM_LOG", "warn");
        let server = heirloom_testing::Server::spawn(home, port, &options);
        server.until_ready().await;
        (Self(server), way, public_url)
    }

    /// How many sessions the user has besides the one that this sign-in opens.
    pub async fn sessions(&self, email: &str, password: &str) -> usize {
        let body = json!({ "email": email, "password": password });
        let request = self.http.post(format!("{}/api/v1/auth/login", self.url)).json(&body);
        let signed_in: Value = request.send().await.unwrap().json().await.unwrap();
        let request = self.http.get(format!("{}/api/v1/me/sessions", self.url));
        let request = request.bearer_auth(signed_in["access_token"].as_str().unwrap());
        let listed: Value = request.send().await.unwrap().json().await.unwrap();
        listed["items"].as_array().unwrap().iter().filter(|session| session["current"] == false).count()
    }

    /// A user with the role `admin`, granted at the command line.
    pub async fn register_admin(&self, email: &str, password: &str) {
        self.register(email, password).await;
        assert_eq!(self.home.run(&["user", "grant", email, "admin"]).code, 0);
    }

    /// POST of JSON from elsewhere, by something that calls itself `user_agent`.
    pub async fn post(&self, path: &str, user_agent: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.url)).header("user-agent", user_agent);
        let answer = request.json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// POST of JSON by the bearer, which succeeds.
    pub async fn post_as(&self, access_token: &str, path: &str, body: &Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(access_token).json(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    /// Changes the name of the bearer.
    pub async fn rename(&self, access_token: &str, name: &str) {
        let request = self.http.patch(format!("{}/api/v1/me", self.url)).bearer_auth(access_token);
        assert_eq!(request.json(&json!({ "name": name })).send().await.unwrap().status(), 200);
    }

    /// The answer to a refresh with this cookie from another machine.
    pub async fn refresh_elsewhere(&self, cookie: &str) -> (u16, Value) {
        let request = self.http.post(format!("{}/api/v1/auth/refresh", self.url));
        let answer = request.header("cookie", format!("heirloom={cookie}")).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}
