"""Refusals with their HTTP status, as JSON with one sentence."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException

from cleanplate.errors import CleanplateError, OutputError, renamed

OPTION = re.compile(r"--(no-)?([a-z]+(?:-[a-z]+)*)")


class Problem(BaseModel):
    """Why a request was refused: what came, what was expected, what to do."""

    error: str


class RefusedError(Exception):
    """A request that is not served. retry_after: seconds after which it may be."""

    def __init__(self, status: int, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.retry_after = status, sentence, retry_after

    def response(self) -> JSONResponse:
        """Put it into a response."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return JSONResponse({"error": self.sentence}, self.status, headers)


def for_client(sentence: str, names: Mapping[Path, str]) -> str:
    """Put what is said on the command line into a client's words: names of files, and fields."""

    def field(option: re.Match[str]) -> str:
        return option[2].replace("-", "_") + ("=false" if option[1] else "")

    return OPTION.sub(field, renamed(sentence, names))


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": words}
    for status, words in {
        400: "The request cannot be read.",
        401: "The token is missing or wrong.",
        403: "The request comes from another site.",
        404: "There is no such thing (any more).",
        408: "The request took too long to come in.",
        409: "Not in this state.",
        413: "Too large.",
        415: "No picture or clip of a known kind.",
        422: "What came cannot be used, or the plate does not fit.",
        429: "Too much waits already; Retry-After says when to come again.",
        503: "It took too long, or the server ends.",
    }.items()
}


async def refused(_: Request, problem: Exception) -> JSONResponse:
    """Answer a RefusedError."""
    assert isinstance(problem, RefusedError)
    return problem.response()


async def cannot(_: Request, problem: Exception) -> JSONResponse:
    """Answer an error of cleanplate that no route put into the client's words."""
    status = 503 if isinstance(problem, OutputError) else 422
    return JSONResponse({"error": for_client(str(problem), {})}, status)


async def invalid(_: Request, problem: Exception) -> JSONResponse:
    """Answer parameters that are missing or wrong, with the first of them."""
    assert isinstance(problem, RequestValidationError)
    first = problem.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or "request"
    return JSONResponse({"error": f"{place}: {first['msg']}."}, 422)


async def http_problem(_: Request, problem: Exception) -> JSONResponse:
    """Answer what the framework refuses by itself."""
    assert isinstance(problem, StarletteHTTPException)
    return JSONResponse({"error": str(problem.detail)}, problem.status_code, problem.headers)


HANDLERS = {
    RefusedError: refused,
    CleanplateError: cannot,
    RequestValidationError: invalid,
    StarletteHTTPException: http_problem,
    HTTPException: http_problem,
}
