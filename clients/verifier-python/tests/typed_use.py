"""What a user of the package writes, for the type checker: nothing of it is run."""

from heirloom_verifier import AsgiMiddleware, Outdated, VerificationError, Verifier, WsgiMiddleware, bearer, refusal
from heirloom_verifier.middleware import AsgiApplication, Refusal


def on_state(state: str, reason: str) -> None:
    print(state, reason)


def use(header: str) -> str:
    verifier = Verifier("https://auth.example.com", "https://api.example.com", feed_key="key", on_stale="accept:30",
                        on_state=on_state, server_url="http://heirloom:8080")
    ready: bool = verifier.ready(timeout=5)
    try:
        claims = verifier.verify(bearer(header) or "")
        return f"{claims['sub']} {ready}"
    except Outdated:
        return "refresh"
    except VerificationError as error:
        answer: Refusal = refusal(error)
        return f"{error.code} {answer.status} {answer.headers['Retry-After']} {answer.body!r}"
    finally:
        verifier.close()


async def use_async(verifier: Verifier, app: AsgiApplication) -> AsgiMiddleware:
    claims: dict[str, object] = await verifier.verify_async("token")
    return AsgiMiddleware(app, verifier, is_public=lambda path: path == "/health" and bool(claims))


wrong: int = WsgiMiddleware  # type: ignore[assignment]
