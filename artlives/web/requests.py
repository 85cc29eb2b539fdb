"""What a request may ask for, in a form, a query or a live message; and its description for OpenAPI."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from artlives.settings import Settings
from artlives.web.problems import Problem

# Pixels of the longer side that is painted; a larger picture is reduced.
MAX_SIDE = 4096
# Characters of a style's name, or of a mix.
MOST_OF_STYLE = 1000

Strength = Annotated[
    float, Field(ge=0, le=1, allow_inf_nan=False, description="Blend: 0 is the photo, 1 the painting.")
]
KeepColors = Annotated[bool, Field(description="Keep the photo's colours, take the painting's luminance.")]
Brush = Annotated[
    Literal["finer", "default", "broader"],
    Field(description="How large the strokes are; the painting's size does not depend on it."),
]
OnePass = Annotated[bool, Field(description="Paint once, quicker and coarser, as for a preview.")]
Size = Annotated[
    int,
    Field(ge=64, le=MAX_SIDE, description="Pixels of the longer side; a larger picture is reduced to it."),
]
Format = Annotated[Literal["jpeg", "jpg", "png", "webp"], Field(description="What the answer is.")]


class LiveSettings(BaseModel):
    """How the frames that follow are painted."""

    model_config = ConfigDict(extra="forbid")

    style: Annotated[
        str,
        Field(
            max_length=MOST_OF_STYLE,
            description="A style's name, as /api/styles lists them, or a mix: wave:0.6,udnie:0.4.",
        ),
    ]
    strength: Strength = 1.0
    keep_colors: KeepColors = False

    def of_painting(self) -> Settings:
        """As the studio takes them."""
        return Settings(strength=self.strength, keep_colors=self.keep_colors, one_pass=True)


class StylizeSettings(LiveSettings):
    """How a picture is painted and answered."""

    size: Size = MAX_SIDE
    brush: Brush = "default"
    one_pass: OnePass = False
    format: Format = "jpeg"

    def of_painting(self) -> Settings:
        """As the studio takes them; the picture is reduced to `size` when it is decoded."""
        return Settings(
            strength=self.strength, keep_colors=self.keep_colors, brush=self.brush, one_pass=self.one_pass
        )


class ClipSettings(LiveSettings):
    """How a clip is painted and answered."""

    size: Annotated[int, Field(ge=64, le=1280, description="Pixels of the longer side of its frames.")] = 640
    brush: Brush = "default"
    format: Annotated[Literal["mp4", "gif"], Field(description="What it becomes.")] = "mp4"

    def of_painting(self) -> Settings:
        """As clips take them."""
        return Settings(
            size=self.size, strength=self.strength, keep_colors=self.keep_colors, brush=self.brush
        )


class SheetSettings(BaseModel):
    """How a sheet of all styles is made."""

    model_config = ConfigDict(extra="forbid")

    strength: Strength = 1.0
    keep_colors: KeepColors = False
    size: Annotated[int, Field(ge=64, le=1024, description="Longer side of each picture, pixels.")] = 640
    brush: Brush = "default"
    columns: Annotated[int, Field(ge=1, le=12, description="Pictures side by side.")] = 3
    format: Format = "jpeg"

    def of_painting(self) -> Settings:
        """As the studio takes them; the picture is reduced to `size` when it is decoded."""
        return Settings(strength=self.strength, keep_colors=self.keep_colors, brush=self.brush)


AnySettings = TypeVar("AnySettings", bound=BaseModel)


def parse(model: type[AnySettings], given: Mapping[str, Any]) -> AnySettings:
    """`given` as `model`, or a Problem that names each setting that is wrong."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(_sentence(model, entry) for entry in error.errors())
        raise Problem(422, f"Settings are wrong: {wrong}.") from None


def json_object(text: str | bytes) -> dict[str, Any]:
    """The settings in JSON text, or a Problem where it is something else."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Problem(422, "Settings are a JSON object.")
    return given


def _sentence(model: type[BaseModel], error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"])[:40] or "settings"
    if error["type"] == "extra_forbidden":
        return f"there is no {name!r}, there are {', '.join(model.model_fields)}"
    return f"{name}: {error['msg'][0].lower()}{error['msg'][1:]}"


def describe_upload(field: str) -> dict[str, Any]:
    """OpenAPI of a request with a picture alone, in that field of a form or as the body."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    form = {"type": "object", "properties": {field: binary["schema"]}, "required": [field]}
    return {
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": form}, "image/jpeg": binary, "image/png": binary},
        },
        "responses": described_errors(ERRORS),
    }


def describe_json(model: type[BaseModel]) -> dict[str, Any]:
    """OpenAPI of a request with settings alone, as JSON."""
    return {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}


def described_errors(errors: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """OpenAPI of problems, each a status and what it means."""
    return {
        status: {"description": text, "content": {"application/problem+json": {}}} for status, text in errors
    }


def describe(model: type[BaseModel]) -> dict[str, Any]:
    """OpenAPI of a request with a picture: settings in the query or in the form, the picture as file or body."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {
        **_described_request(model, "file", ("image/jpeg", "image/png")),
        "responses": {
            "200": {
                "description": "The picture; its steps' times are in the header Server-Timing.",
                "content": {f"image/{kind}": binary for kind in ("jpeg", "png", "webp")},
            },
            **described_errors(ERRORS),
        },
    }


def describe_clip(model: type[BaseModel]) -> dict[str, Any]:
    """OpenAPI of a request with a clip, likewise, as clip or body."""
    return {
        **_described_request(model, "clip", ("video/mp4", "video/webm", "image/gif")),
        "responses": described_errors([*ERRORS, ("501", "What decodes clips is not installed.")]),
    }


def _described_request(model: type[BaseModel], field: str, types: Iterable[str]) -> dict[str, Any]:
    schema = model.model_json_schema()
    properties, required = schema["properties"], schema.get("required", [])
    binary = {"schema": {"type": "string", "format": "binary"}}
    form = {
        "type": "object",
        "properties": {field: {"type": "string", "format": "binary"}, **properties},
        "required": [field, *required],
    }
    return {
        "parameters": [
            {"name": name, "in": "query", "description": value["description"], "schema": value}
            for name, value in properties.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": form}, **dict.fromkeys(types, binary)},
        },
    }


# The problems that OpenAPI lists for a request with a picture.
ERRORS = (
    ("408", "The upload took too long."),
    ("413", "The picture has too many bytes or pixels."),
    ("415", "It is not a picture."),
    ("422", "The picture is damaged, or a setting is wrong."),
    ("503", "The queue is full: try again after Retry-After seconds."),
)
