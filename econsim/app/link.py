"""The share link: a policy, how it was run, and what was looked at, as plain query parameters.

Everything in a link is validated before it is used; a link that is not accepted changes nothing.
It holds no results: whoever opens it gets the form as it was, and the numbers by running it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

import econsim
from econsim import data, scenario
from econsim import parameters as registry
from econsim.app import draft
from econsim.app.draft import Draft, Settings, Text
from econsim.scenario import ScenarioError

#: Characters of a link beyond which it is refused.
MAXIMUM_LENGTH = 8_000
#: Most scenarios compared at once.
MOST = 6
#: Parameters of the page's address that widgets keep themselves.
BOUND = ("region", "view")
_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$")]


class LinkError(ValueError):
    """A link that is not accepted; the message says what is wrong with it."""


class Link(BaseModel):
    """What a link holds.

    Attributes:
        econsim: version that made it.
        region: ``EU27`` or ``US``.
        start: shipped scenario that the policy starts from.
        against: shipped scenario that it is compared with.
        title: of the policy.
        instruments: entries as in a scenario file; none: those of the start.
        assumptions: uncertainties that both scenarios get.
        rows, n, seed, grid: how it was run.
        made: first digits of the hashes of policy and baseline when the link was made.
        compare: scenarios of the comparison, and ``base`` what they are compared with.
        firm: country, sector, size class and number of a firm, separated by points.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    econsim: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+[a-z0-9.]*$", max_length=30)]
    region: str = "EU27"
    start: _Name | None = None
    against: _Name | None = None
    title: Annotated[str, Field(max_length=200)] | None = None
    instruments: tuple[dict[str, Any], ...] | None = Field(default=None, max_length=30)
    assumptions: dict[str, float] = Field(default={}, max_length=60)
    rows: int = Field(default=5_000, ge=1_000, le=1_000_000)
    n: int = Field(default=10, ge=1, le=200)
    seed: int = Field(default=1, ge=0, le=10**12)
    grid: bool = True
    made: Annotated[str, Field(pattern=r"^[0-9a-f]{12}-[0-9a-f]{12}$")] | None = None
    compare: tuple[_Name, ...] = Field(default=(), max_length=MOST)
    base: _Name | None = None
    firm: Annotated[str, Field(max_length=40)] | None = None

    @field_validator("region")
    @classmethod
    def _region(cls, value: str) -> str:
        if value not in draft.BASELINES:
            raise ValueError(f"is not one of {', '.join(draft.BASELINES)}")
        return value

    @field_validator("start", "against", "base")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        return value if value is None else _shipped(value)

    @field_validator("compare")
    @classmethod
    def _all_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_shipped(name) for name in value)

    @field_validator("assumptions")
    @classmethod
    def _uncertain(cls, value: dict[str, float]) -> dict[str, float]:
        for name in value:
            if registry.get(name).kind == "lever":
                raise ValueError(f"‘{name}’ is a lever, no assumption")
        return value

    @field_validator("firm")
    @classmethod
    def _firm(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = value.split(".")
        known = ((*data.MEMBER_STATES, "US"), data.SECTORS, data.SIZE_CLASSES)
        right = len(parts) == 4 and all(p in k for p, k in zip(parts[:3], known, strict=True))
        if not right or not re.fullmatch(r"[1-9]\d{0,2}", parts[3]):
            raise ValueError("is not COUNTRY.SECTION.SIZE.NUMBER, such as DE.C.10-49.1")
        return value

    @property
    def settings(self) -> Settings:
        """How the policy was run."""
        return Settings(self.rows, self.n, self.seed)

    def draft(self) -> Draft | None:
        """The policy it holds, validated; none if it holds none.

        Raises:
            LinkError: its instruments or assumptions are not accepted.
        """
        if self.start is None:
            return None
        try:
            start = draft.shipped_scenario(self.start)
            if start.region != self.region:
                raise LinkError(f"‘{self.start}’ is not about {self.region}")
            entries = (
                [draft.instrument_entry(item) for _, item in start.instruments]
                if self.instruments is None
                else list(self.instruments)
            )
            builds_on = (self.start, *draft.ancestry(draft.shipped_text(self.start).yaml))
            made = Draft(
                self.title or f"Variant of {start.name}", start, entries, dict(self.assumptions),
                self.settings, builds_on,
            )  # fmt: skip
            loaded = draft.policy_text(made).scenario()
            draft.baseline_text(made, self.against or draft.usual_baseline(made)).scenario()
        except (ScenarioError, registry.ParameterError, KeyError) as error:
            raise LinkError(f"its policy cannot be run as written. {error}") from None
        entries = [draft.instrument_entry(item) for _, item in loaded.instruments]
        return Draft(made.title, start, entries, made.parameters, made.settings, builds_on)

    def cautions(self) -> list[str]:
        """What a reader must know: another version, or scenarios that have changed since."""
        found = []
        if self.econsim != econsim.__version__:
            found.append(
                f"This link was made with econsim {self.econsim}; this is "
                f"{econsim.__version__}: the same policy may give other numbers."
            )
        made = self.draft()
        if made is not None and self.made is not None:
            against = self.against or draft.usual_baseline(made)
            pair = (draft.policy_text(made), draft.baseline_text(made, against))
            if self.made != seal(*pair):
                found.append(
                    "Since this link was made a shipped scenario or a default has changed: what "
                    "it describes is no longer exactly what was run."
                )
        return found

    def query(self) -> dict[str, str]:
        """The query parameters; what stands at its default is left out."""
        body = self.model_dump(mode="json", exclude_defaults=True)
        return {
            key: ",".join(value)
            if key == "compare"
            else value
            if isinstance(value, str)
            else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
            for key, value in body.items()
        }

    def url(self, page: str, view: str) -> str:
        """The whole link.

        Args:
            page: address of the app, without query.
            view: what is looked at.
        """
        return f"{page.partition('?')[0]}?{urlencode({**self.query(), 'view': view})}"


def _shipped(name: str) -> str:
    if name not in scenario.shipped():
        raise ValueError(f"no scenario ‘{name}’{registry.nearest(name, scenario.shipped())}")
    return name


def seal(policy: Text, baseline: Text) -> str:
    """First digits of the hashes of what a link describes."""
    return f"{policy.scenario().hash()[:12]}-{baseline.scenario().hash()[:12]}"


def of_draft(
    made: Draft, against: str, grid: bool, pair: tuple[Text, Text] | None = None
) -> Link | None:
    """The link of a policy; none where only its file can hold it (options of its own).

    Args:
        made: the policy.
        against: shipped scenario that it is compared with.
        grid: whether it is run over the joint axes too.
        pair: texts of policy and baseline, if they are made already.
    """
    base = draft.foundation(made)
    policy, baseline = pair or (draft.policy_text(made), draft.baseline_text(made, against))
    shipped = made.start.name in scenario.shipped() and made.start.path != ""
    if not shipped and base is None:
        return None
    start = made.start if shipped or base is None else base
    if start.values != made.start.values:
        return None  # what the file itself assumes is the policy's alone
    own = [draft.instrument_entry(item) for _, item in start.instruments]
    moved = {n: v for n, v in made.parameters.items() if start.values[n] != v}
    entries = [dict(e) for e in made.instruments]
    s = made.settings
    return Link(
        econsim=econsim.__version__, region=start.region, start=start.name, against=against,
        title=made.title, instruments=None if entries == own else tuple(entries),
        assumptions=moved, rows=s.rows, n=s.replicates, seed=s.seed, grid=grid,
        made=seal(policy, baseline),
    )  # fmt: skip


def read(query: Mapping[str, str]) -> Link | None:
    """The link in a page's address; none when it holds nothing but region and view.

    Raises:
        LinkError: something in it is not accepted; the message names it.
    """
    region = query.get("region", "EU27")
    given = {k: v for k, v in query.items() if k not in BOUND}
    if region not in draft.BASELINES:
        raise LinkError(f"region ‘{region[:40]}’ is not one of {', '.join(draft.BASELINES)}")
    if not given:
        return None
    if sum(len(k) + len(v) for k, v in given.items()) > MAXIMUM_LENGTH:
        raise LinkError(f"it is longer than {MAXIMUM_LENGTH:,} characters")
    body: dict[str, Any] = {"region": region}
    for key, text in given.items():
        if key not in Link.model_fields:
            hint = registry.nearest(key, Link.model_fields)
            raise LinkError(f"unknown ‘{key[:40]}’{hint}")
        if key in ("instruments", "assumptions", "grid"):
            try:
                body[key] = json.loads(text)
            except (ValueError, RecursionError):
                raise LinkError(f"{key}: not JSON") from None
        elif key == "compare":
            body[key] = [name for name in text.split(",") if name]
        else:
            body[key] = text
    body.setdefault("econsim", "0.0.0")
    try:
        found = Link.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise LinkError(f"{place}: {first['msg'].removeprefix('Value error, ')}") from None
    found.draft()
    return found
