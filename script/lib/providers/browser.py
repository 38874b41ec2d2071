"""A browser without script: cookies, redirects one at a time, forms. Of the standard library only."""

import http.client
import json
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener
from urllib.error import HTTPError


class Stay(HTTPRedirectHandler):
    """Redirects are answers."""

    def redirect_request(self, *_):
        return None


class Forms(HTMLParser):
    """The forms of a page: where they go, and what they send unless it is changed."""

    def __init__(self, page):
        super().__init__()
        self.forms = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.forms.append({"action": attributes.get("action", ""), "fields": {}})
        elif tag == "input" and self.forms and attributes.get("name") and attributes.get("type") != "submit":
            if attributes.get("type") in ("checkbox", "radio") and "checked" not in attributes:
                return
            self.forms[-1]["fields"][attributes["name"]] = attributes.get("value") or ""


class Answer:
    def __init__(self, url, answer):
        self.url, self.status, self.headers = url, answer.status, answer.headers
        self.body = answer.read().decode(errors="replace")

    @property
    def location(self):
        found = self.headers["Location"]
        return found and urljoin(self.url, found)

    def json(self):
        return json.loads(self.body)

    def form(self, place=0):
        forms = Forms(self.body).forms
        assert forms, f"no form at {self.url}: {self.status} {self.body[:2000]}"
        return forms[place]

    def __repr__(self):
        return f"{self.status} {self.url} → {self.headers['Location']}\n{self.body[:2000]}"


class Browser:
    def __init__(self):
        # Ports do not separate cookies: providers and Heirloom differ by host (127.0.0.1, localhost) or by names.
        self.cookies = CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.cookies), Stay())

    def ask(self, method, url, body=None, headers=None):
        request = Request(url, body, headers or {}, method=method)
        try:
            return Answer(url, self.opener.open(request, timeout=20))
        except HTTPError as answer:
            return Answer(url, answer)
        except http.client.HTTPException as error:
            raise AssertionError(f"{method} {url}: {error}") from error

    def get(self, url, **headers):
        return self.ask("GET", url, headers=headers)

    def submit(self, page, place=0, **changed):
        """Submits a form of a page, from that page."""
        form = page.form(place)
        here = urlsplit(page.url)
        return self.ask("POST", urljoin(page.url, form["action"] or page.url), urlencode(form["fields"] | changed).encode(), {
            "Content-Type": "application/x-www-form-urlencoded", "Origin": f"{here.scheme}://{here.netloc}",
            "Sec-Fetch-Site": "same-origin",
        })

    def json(self, method, url, body=None, bearer=None):
        here = urlsplit(url)
        headers = {"Content-Type": "application/json", "Origin": f"{here.scheme}://{here.netloc}"}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        return self.ask(method, url, None if body is None else json.dumps(body).encode(), headers)

    def follow(self, answer, until):
        """Follows redirects until an answer has none, or goes where `until` says, which is not asked any more."""
        for _ in range(12):
            if answer.location is None or until(answer.location):
                return answer
            answer = self.get(answer.location)
        raise AssertionError(f"redirects without an end: {answer!r}")
