"""An API for notes. Each user sees only their own; the access token shows whose they are."""

import asyncio
import os
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from heirloom_verifier import AsgiMiddleware, Verifier
from pydantic import BaseModel, StringConstraints

verifier = Verifier(
    os.environ["AUTH_ISSUER"],
    os.environ["AUTH_AUDIENCE"],
    feed_key=os.environ["AUTH_FEED_KEY"],
    on_state=lambda state, reason: print(f"revocations: {state} {reason}", flush=True),
)


@asynccontextmanager
async def lifespan(_app: FastAPI):
    # A token that is refused while the program starts would be a mistake: wait for the first snapshot.
    await asyncio.to_thread(verifier.ready)
    yield
    verifier.close()


class Limited:
    """Refuses bodies that are longer than any note. FastAPI would keep the whole of them in memory."""

    def __init__(self, app, limit):
        self.app, self.limit = app, limit

    async def __call__(self, scope, receive, send):
        length = 0

        async def counted():
            nonlocal length
            message = await receive()
            length += len(message.get("body", b""))
            if length > self.limit:
                raise HTTPException(413)
            return message

        await self.app(scope, counted if scope["type"] == "http" else receive, send)


app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
app.add_middleware(Limited, limit=16 * 1024)
# Lets requests with a good token pass. All others: 401, or 503 while revocations are not known.
app.add_middleware(AsgiMiddleware, verifier=verifier)
# The last one is the outermost: refusals get its headers too, so that the page can read them. Cookies are not used.
app.add_middleware(
    CORSMiddleware,
    allow_origins=[os.environ["APP_ORIGIN"]],
    allow_methods=["GET", "POST", "DELETE"],
    allow_headers=["Authorization", "Content-Type"],
    expose_headers=["WWW-Authenticate", "Retry-After"],
    max_age=600,
)


def signed_in(request: Request, response: Response) -> str:
    """The user's id, from the token that the middleware has verified."""
    response.headers["Cache-Control"] = "no-store"
    return request.scope["heirloom.claims"]["sub"]


User = Annotated[str, Depends(signed_in)]


class NewNote(BaseModel):
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class Note(NewNote):
    id: UUID


# All notes, in memory, by the user's id: newest first.
notes: dict[str, list[Note]] = {}


@app.get("/notes")
async def list_notes(user: User) -> list[Note]:
    return notes.get(user, [])


@app.post("/notes", status_code=201)
async def create_note(user: User, new: NewNote) -> Note:
    note = Note(id=uuid4(), text=new.text)
    notes.setdefault(user, []).insert(0, note)
    return note


@app.delete("/notes/{id}", status_code=204)
async def delete_note(user: User, id: UUID) -> None:
    kept = [note for note in notes.get(user, []) if note.id != id]
    if len(kept) == len(notes.get(user, [])):
        raise HTTPException(404, "There is no such note.")
    notes[user] = kept
