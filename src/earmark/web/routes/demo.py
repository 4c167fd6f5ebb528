"""``/api/demo``: a synthesised clip to try the page with, when no song is at hand."""

from __future__ import annotations

import io
from functools import lru_cache

import soundfile
from fastapi import APIRouter, Response

from earmark.demo import demo_medley

NAME = "earmark-demo.flac"

router = APIRouter(tags=["sound"])


@router.get("/api/demo", response_class=Response, responses={200: {"content": {"audio/flac": {}}}})
def demo() -> Response:
    """Return a medley of three styles, 30 s, as FLAC."""
    return Response(
        _flac(), media_type="audio/flac", headers={"Content-Disposition": f'attachment; filename="{NAME}"'}
    )


@lru_cache(maxsize=1)
def _flac() -> bytes:
    """The clip never changes, so it is synthesised once."""
    clip, file = demo_medley(), io.BytesIO()
    soundfile.write(file, clip.y, clip.sr, format="FLAC", subtype="PCM_16")
    return file.getvalue()
