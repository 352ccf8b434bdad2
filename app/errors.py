"""The one error of the service, in the shape of RFC 9457, so that every refusal looks the same."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field of the request that is wrong, and why."""

    field: str
    message: str


class Problem(Exception):  # noqa: N818  RFC 9457's own word
    """A request that is refused: HTTP status, a sentence for the reader, and the evidence.

    `errors` are the wrong fields, `extra` further members of the body, `headers` of the response.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Iterable[FieldError] = (),
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    def body(self, instance: str, request_id: str) -> dict[str, object]:
        """The members of the problem document, for the request to the path `instance`."""
        document: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "request_id": request_id,
        }
        if self.errors:
            document["errors"] = [asdict(error) for error in self.errors]
        return document | self.extra
