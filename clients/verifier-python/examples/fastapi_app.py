"""FastAPI: pip install fastapi uvicorn heirloom-verifier, then

AUTH_ISSUER=https://auth.example.com AUTH_AUDIENCE=https://api.example.com AUTH_FEED_KEY=... uvicorn fastapi_app:app
"""

import asyncio
import os
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from heirloom_verifier import AsgiMiddleware, Verifier

verifier = Verifier(os.environ["AUTH_ISSUER"], os.environ["AUTH_AUDIENCE"], feed_key=os.environ.get("AUTH_FEED_KEY"))


@asynccontextmanager
async def lifespan(_app: FastAPI):
    await asyncio.to_thread(verifier.ready)
    yield
    verifier.close()


app = FastAPI(lifespan=lifespan)
app.add_middleware(AsgiMiddleware, verifier=verifier, is_public=lambda path: path in ("/health", "/docs", "/openapi.json"))


def signed_in(request: Request) -> dict[str, Any]:
    """The claims of the token, which the middleware has verified."""
    return request.scope["heirloom.claims"]


Claims = Annotated[dict[str, Any], Depends(signed_in)]


def administrator(claims: Claims) -> dict[str, Any]:
    if "admin" not in claims["roles"]:
        raise HTTPException(403, "Only for administrators.")
    return claims


@app.get("/health")
def health() -> str:
    return "ok"


@app.get("/orders")
def orders(claims: Claims) -> dict[str, Any]:
    return {"user": claims["sub"], "orders": []}


@app.get("/report", dependencies=[Depends(administrator)])
def report() -> dict[str, Any]:
    return {"orders": 0}
