//! The caller is a type: a signed-in user, an administrator, a browser.

use super::{Answer, Request, TestApp, Tokens, credentials, email};
use serde_json::{Value, json};
use std::ops::Deref;

/// A user who is signed in and asks with their access token.
pub struct Person<'app> {
    app: &'app TestApp,
    /// Their id.
    pub id: String,
    /// What the sign-in handed out.
    pub tokens: Tokens,
}

/// A user who is signed in and has the role `admin`.
pub struct Admin<'app>(Person<'app>);

impl TestApp {
    /// A user who has just signed in.
    pub async fn person(&self, name: &str) -> Person<'_> {
        let tokens = self.sign_in(name).await;
        let id = self.me(&tokens.access_token).await.text("/user/id");
        Person { app: self, id, tokens }
    }

    /// An administrator who has just signed in.
    pub async fn admin(&self, name: &str) -> Admin<'_> {
        self.register(name).await;
        let made = sqlx::query("UPDATE users SET roles = '{admin}' WHERE email = $1").bind(email(name));
        assert_eq!(made.execute(self.db()).await.expect("SQL").rows_affected(), 1);
        Admin(self.person(name).await)
    }

    /// A browser that has no cookie yet.
    pub fn browser(&self) -> Browser<'_> {
        Browser { app: self, cookie_name: "heirloom", cookie: None, headers: Vec::new() }
    }
}

impl Person<'_> {
    /// A request that bears their access token.
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.app.request(method, path).bearer(&self.tokens.access_token)
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send().await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path).json(body).send().await
    }

    /// PATCH of JSON.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.request("PATCH", path).json(body).send().await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path).send().await
    }

    /// Who am I?
    pub async fn me(&self) -> Answer {
        self.get("/api/v1/me").await
    }

    /// Is my token good?
    pub async fn check(&self) -> Answer {
        self.get("/api/v1/auth/check").await
    }

    /// My live sessions.
    pub async fn sessions(&self) -> Vec<Value> {
        self.get("/api/v1/me/sessions").await.items()
    }

    /// Ends one of my sessions.
    pub async fn end_session(&self, session: &str) -> Answer {
        self.delete(&format!("/api/v1/me/sessions/{session}")).await
    }

    /// Changes my password.
    pub async fn change_password(&self, current: &str, new: &str) -> Answer {
        self.post("/api/v1/me/password", &json!({ "current_password": current, "new_password": new })).await
    }
}

impl<'app> Deref for Admin<'app> {
    type Target = Person<'app>;

    fn deref(&self) -> &Person<'app> {
        &self.0
    }
}

impl Admin<'_> {
    /// Ends sessions.
    pub async fn revoke(&self, what: &Value) -> Answer {
        self.post("/api/v1/admin/revoke", what).await
    }

    /// Ends one session.
    pub async fn revoke_session(&self, session: &str) -> Answer {
        self.revoke(&json!({ "session_id": session })).await
    }

    /// Changes a user.
    pub async fn change(&self, user: &str, what: &Value) -> Answer {
        self.patch(&format!("/api/v1/admin/users/{user}"), what).await
    }

    /// Blocks a user.
    pub async fn block(&self, user: &str) -> Answer {
        self.change(user, &json!({ "blocked": true })).await
    }

    /// Reads a user.
    pub async fn user(&self, user: &str) -> Value {
        let answer = self.get(&format!("/api/v1/admin/users/{user}")).await;
        answer.expect(200).json()["user"].clone()
    }

    /// The sessions that a query finds; `query` begins with a question mark, or is empty.
    pub async fn list_sessions(&self, query: &str) -> Vec<Value> {
        self.get(&format!("/api/v1/admin/sessions{query}")).await.items()
    }

    /// The events that a query finds.
    pub async fn events(&self, query: &str) -> Vec<Value> {
        self.get(&format!("/api/v1/admin/audit{query}")).await.items()
    }
}

/// A browser: keeps the cookie, sends it along, and says where a request comes from.
pub struct Browser<'app> {
    app: &'app TestApp,
    /// The name under which the server sets its cookie.
    pub cookie_name: &'static str,
    /// The cookie's value, once it is set.
    pub cookie: Option<String>,
    headers: Vec<(&'static str, &'static str)>,
}

impl Browser<'_> {
    /// The same browser with headers that say where its requests come from.
    pub fn saying(mut self, headers: &[(&'static str, &'static str)]) -> Self {
        self.headers = headers.to_vec();
        self
    }

    /// Holds this cookie from now on.
    pub fn holding(mut self, cookie: &str) -> Self {
        self.cookie = Some(cookie.to_owned());
        self
    }

    /// A request with the cookie.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let request = self.app.request(method, path).headers(&self.headers);
        match &self.cookie {
            Some(cookie) => request.header("Cookie", &format!("{}={cookie}", self.cookie_name)),
            None => request,
        }
    }

    /// Sends a request and keeps the cookie of its answer.
    pub async fn send(&mut self, request: Request) -> Answer {
        let answer = request.send().await;
        if let Some(cookie) = answer.cookie() {
            self.cookie_name = if cookie.name.starts_with("__") { self.cookie_name } else { "heirloom" };
            self.cookie = Some(cookie.value).filter(|value| !value.is_empty());
        }
        answer
    }

    /// Signs in with the cookie.
    pub async fn sign_in(&mut self, name: &str) -> Answer {
        self.app.register(name).await;
        self.sign_in_with(name, &json!({})).await
    }

    /// Signs in with the cookie and further wishes.
    pub async fn sign_in_with(&mut self, name: &str, wishes: &Value) -> Answer {
        let mut body = credentials(name);
        body["transport"] = "cookie".into();
        for (wish, value) in wishes.as_object().expect("an object") {
            body[wish] = value.clone();
        }
        let request = self.request("POST", "/api/v1/auth/login").json(&body);
        self.send(request).await
    }

    /// Refreshes with the cookie.
    pub async fn refresh(&mut self) -> Answer {
        let request = self.request("POST", "/api/v1/auth/refresh");
        self.send(request).await
    }

    /// Signs out with the cookie.
    pub async fn sign_out(&mut self) -> Answer {
        let request = self.request("POST", "/api/v1/auth/logout");
        self.send(request).await
    }
}
