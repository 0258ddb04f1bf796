# SPDX-License-Identifier: Apache-2.0
"""What a benchmark declares; bench/README.md is the contract."""
import dataclasses
import typing


class Unavailable(Exception):
    """This side cannot run here; the text says why."""


@dataclasses.dataclass
class Sample:
    value: float
    cpu_us: typing.Optional[float] = None
    p50_us: typing.Optional[float] = None
    p90_us: typing.Optional[float] = None
    p99_us: typing.Optional[float] = None
    extra: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Peer:
    name: str
    run: typing.Optional[typing.Callable[[float], Sample]] = None
    bar: str = ""
    why: str = ""  # set when it cannot run
    of: str = ""  # another case of ours, or a peer of it, instead of a run
    of_peer: str = ""


@dataclasses.dataclass
class Case:
    name: str
    unit: str
    ours: typing.Callable[[float], Sample]
    peers: list = dataclasses.field(default_factory=list)
    bar: str = ""
    optional: bool = False  # Unavailable makes its figures null instead of ending the run
    why: str = ""  # set when it could not run
