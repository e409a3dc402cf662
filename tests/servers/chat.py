"""A chat server on the loopback that speaks OpenAI's protocol, and misbehaves by script."""

import base64
import io
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from tests.servers.loopback import Handler, LoopbackServer


@dataclass
class Response:
    """What goes over the wire."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    delay: float = 0.0
    """Seconds before it is sent."""


Step = Response | Callable[[dict[str, Any]], Response]
"""A response, or a function of the request's body that makes one."""


def says(text: str | None, *, finish: str = "stop", refusal: str | None = None) -> Response:
    """A completion with that text."""
    message = {"role": "assistant", "content": text}
    if refusal:
        message["refusal"] = refusal
    return completion([{"index": 0, "message": message, "finish_reason": finish}])


def completion(choices: list[dict[str, Any]]) -> Response:
    body = {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices,
        "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
    }  # fmt: skip
    return Response(body=json.dumps(body).encode())


def phrases(*words: str) -> Response:
    """A writer's good answer."""
    return says(json.dumps({"phrases": list(words)}))


def sees(value: str, class_name: str | None = "none of these", **percents: float) -> Response:
    """A vision judge's good answer; percents by field, such as ``value_percent=40``."""
    said: dict[str, Any] = {"value": value, "value_percent": percents.get("value_percent", 90)}
    if class_name is not None:
        said |= {"class_name": class_name, "class_percent": percents.get("class_percent", 80)}
    return says(json.dumps(said | {"possible_percent": percents.get("possible_percent", 70)}))


def refuses(status: int, message: str, code: str = "", **headers: str) -> Response:
    """An error in OpenAI's form; ``Retry_After="1"`` becomes a header."""
    body = json.dumps({"error": {"message": message, "type": code, "code": code}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, body, {"Content-Type": "application/json", **named})


class _Chat(Handler):
    owner: "ChatServer"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.owner.step(asked, self.headers.get("Authorization", ""))
        time.sleep(answer.delay)
        try:
            self.send(answer.status, answer.body, answer.headers)
        except OSError:
            # The client no longer waits: it timed out, as the script meant it to.
            return


class ChatServer(LoopbackServer):
    """Plays its steps in order, the last one for ever; keeps what it was asked."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self._lock = threading.Lock()
        super().__init__(_Chat)
        self.url += "/v1"

    def step(self, asked: dict[str, Any], authorization: str) -> Response:
        """Keep a request and say what follows."""
        with self._lock:
            self.requests.append(asked)
            self.keys.append(authorization.removeprefix("Bearer "))
            step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        return step if isinstance(step, Response) else step(asked)

    @property
    def questions(self) -> list[dict[str, Any]]:
        """The JSON object in the first user message of every request."""
        return [json.loads(request["messages"][1]["content"]) for request in self.requests]

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The JSON object beside the picture of every request."""
        return [json.loads(request["messages"][1]["content"][0]["text"])
                for request in self.requests]  # fmt: skip

    @property
    def pictures(self) -> list[Image.Image]:
        """The picture of every request, decoded."""
        addresses = [request["messages"][1]["content"][1]["image_url"]["url"]
                     for request in self.requests]  # fmt: skip
        return [Image.open(io.BytesIO(base64.b64decode(address.split(",", 1)[1])))
                for address in addresses]  # fmt: skip
