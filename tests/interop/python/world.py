# SPDX-License-Identifier: Apache-2.0
"""A soukd under test, clients for all its services, and what tests ask of both."""
import contextlib
import datetime
import itertools
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import uuid

SOUK = pathlib.Path(sys.argv[1]).resolve().with_name("souk")
STUBS = pathlib.Path(sys.argv[2]) / "stubs"
sys.path.insert(0, str(STUBS))
import google  # noqa: E402

google.__path__.append(str(STUBS / "google"))  # google.rpc beside apt's google.protobuf

import grpc  # noqa: E402

grpc.__path__.append(str(STUBS / "grpc"))  # grpc.health, grpc.reflection: apt has neither
from google.protobuf import duration_pb2, timestamp_pb2  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402
from grpc.health.v1 import health_pb2, health_pb2_grpc  # noqa: E402
from souk.v1 import (catalog_pb2, catalog_pb2_grpc, cluster_pb2, cluster_pb2_grpc,  # noqa: E402
                     common_pb2, customer_pb2, customer_pb2_grpc, event_pb2, event_pb2_grpc,
                     hold_pb2, hold_pb2_grpc, import_pb2, import_pb2_grpc, location_pb2,
                     location_pb2_grpc, recommend_pb2, recommend_pb2_grpc, stock_pb2,
                     stock_pb2_grpc)

START_SECONDS = 30
CALL_SECONDS = 20
DETAIL_BYTES_MAX = 4096


def uuid7(when=None):
    """A UUIDv7 (RFC 9562) of now, or of `when` in seconds."""
    ms = int((time.time() if when is None else when) * 1000)
    value = (ms & (2**48 - 1)) << 80 | 0x7 << 76 | random.getrandbits(12) << 64
    return str(uuid.UUID(int=value | 0b10 << 62 | random.getrandbits(62)))


def timestamp(seconds):
    return timestamp_pb2.Timestamp(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))


def duration(seconds):
    whole = int(seconds)
    return duration_pb2.Duration(seconds=whole, nanos=round((seconds - whole) * 1e9))


class Refusal:
    """A gRPC error with its google.rpc details decoded."""

    def __init__(self, error):
        self.code = error.code().name
        self.message = error.details()
        self.reason, self.metadata, self.fields, self.retry = "", {}, [], None
        self.preconditions, self.trailers = [], dict(error.trailing_metadata())
        raw = self.trailers.get("grpc-status-details-bin")
        if raw is None:
            return
        assert len(raw) < DETAIL_BYTES_MAX, f"{len(raw)} bytes of details"
        status = status_pb2.Status.FromString(raw)
        assert status.code == error.code().value[0]
        for detail in status.details:
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                info = error_details_pb2.ErrorInfo.FromString(detail.value)
                assert info.domain == "souk.dev"
                self.reason, self.metadata = info.reason, dict(info.metadata)
            elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                bad = error_details_pb2.BadRequest.FromString(detail.value)
                self.fields = [violation.field for violation in bad.field_violations]
            elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
                self.retry = error_details_pb2.RetryInfo.FromString(detail.value)
            elif detail.Is(error_details_pb2.PreconditionFailure.DESCRIPTOR):
                failed = error_details_pb2.PreconditionFailure.FromString(detail.value)
                self.preconditions = [violation.subject for violation in failed.violations]

    def __repr__(self):
        return f"{self.code}/{self.reason} {self.fields} {self.message!r} {self.metadata}"


class Server:
    """One soukd process and clients of all services."""

    def __init__(self, soukd, folder, *flags):
        self.folder = pathlib.Path(folder)
        self.log_path = self.folder.with_suffix(".log")
        ports = self.folder / "ports.json"
        ports.unlink(missing_ok=True)
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [soukd, "--dir", str(folder), "--port", "0", *flags], stderr=self.log)
        deadline = time.monotonic() + START_SECONDS
        while not ports.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"soukd did not start: {self.log_path.read_text()}")
            time.sleep(0.01)
        self.ports = json.loads(ports.read_text())
        self.address = f"127.0.0.1:{self.ports['client']}"
        self.connect()

    def connect(self):
        self.channel = grpc.insecure_channel(self.address, options=[
            ("grpc.max_receive_message_length", 16 << 20),
            ("grpc.max_send_message_length", 64 << 20)])
        self.catalog = catalog_pb2_grpc.CatalogServiceStub(self.channel)
        self.location = location_pb2_grpc.LocationServiceStub(self.channel)
        self.stock = stock_pb2_grpc.StockServiceStub(self.channel)
        self.hold = hold_pb2_grpc.HoldServiceStub(self.channel)
        self.customer = customer_pb2_grpc.CustomerServiceStub(self.channel)
        self.event = event_pb2_grpc.EventServiceStub(self.channel)
        self.recommend = recommend_pb2_grpc.RecommendServiceStub(self.channel)
        self.imports = import_pb2_grpc.ImportServiceStub(self.channel)
        self.cluster = cluster_pb2_grpc.ClusterServiceStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def end(self, how=signal.SIGTERM):
        self.channel.close()
        self.process.send_signal(how)
        code = self.process.wait(START_SECONDS)
        self.log.close()
        return code

    # --- What tests do all the time ---

    def location_id(self, name="main"):
        self.location.UpsertLocation(location_pb2.UpsertLocationRequest(
            request_id=uuid7(), location=location_pb2.Location(
                location_id=name, name=name, type=location_pb2.LOCATION_TYPE_STORE)),
            timeout=CALL_SECONDS)
        return name

    def sku(self, sku_id, on_hand=None, location="main", **fields):
        fields.setdefault("name", sku_id)
        self.catalog.UpsertSku(catalog_pb2.UpsertSkuRequest(
            request_id=uuid7(), sku=catalog_pb2.Sku(sku_id=sku_id, **fields)),
            timeout=CALL_SECONDS)
        if on_hand is not None:
            self.set_stock(sku_id, on_hand, location)
        return sku_id

    def set_stock(self, sku_id, on_hand, location="main"):
        return self.stock.SetStock(stock_pb2.SetStockRequest(
            request_id=uuid7(), sku_id=sku_id, location_id=location, on_hand=on_hand),
            timeout=CALL_SECONDS).level

    def level(self, sku_id, location="main"):
        return self.stock.GetStockLevel(stock_pb2.GetStockLevelRequest(
            sku_id=sku_id, location_id=location), timeout=CALL_SECONDS).level

    def create_hold(self, sku_id, quantity=1, location="main", **fields):
        fields.setdefault("request_id", uuid7())
        lines = fields.pop("lines", None) or [
            hold_pb2.HoldLine(sku_id=sku_id, location_id=location, quantity=quantity)]
        return self.hold.CreateHold(
            hold_pb2.CreateHoldRequest(lines=lines, **fields), timeout=CALL_SECONDS)

    def adjust(self, sku_id, quantity, location="main", request_id=None, **fields):
        return self.stock.AdjustStock(stock_pb2.AdjustStockRequest(
            request_id=request_id or uuid7(), **{
                key: fields.pop(key) for key in ("request_time",) if key in fields},
            adjustment=stock_pb2.StockAdjustment(
                sku_id=sku_id, location_id=location, quantity=quantity, **fields)),
            timeout=CALL_SECONDS)

    def totals(self):
        return self.cluster.GetCluster(cluster_pb2.GetClusterRequest(),
                                       timeout=CALL_SECONDS).totals

    def serving(self):
        return self.health.Check(health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS).status


class World:
    """The server that most tests share, and more of them for those that need their own."""

    def __init__(self, soukd, work):
        self.soukd, self.work = soukd, work
        self.numbers = itertools.count(1)
        self.shared = self.start()
        self.shared.location_id("main")
        self.shared.location_id("annex")

    def start(self, *flags, folder=None):
        folder = folder or self.work / f"node{next(self.numbers)}"
        return Server(self.soukd, folder, *flags)

    @contextlib.contextmanager
    def server(self, *flags):
        server = self.start(*flags)
        try:
            yield server
        except BaseException:
            server.end(signal.SIGKILL)
            raise
        assert server.process.poll() is None, "the server has exited"
        same(server.end(), 0)

    def name(self, prefix="sku"):
        return f"{prefix}-{next(self.numbers)}"

    def must_be_alive(self):
        assert self.shared.process.poll() is None, "the server has exited"
        assert self.shared.serving() == health_pb2.HealthCheckResponse.SERVING

    def close(self):
        assert self.shared.process.poll() is None, "the server has exited"
        same(self.shared.end(), 0)

    @contextlib.contextmanager
    def unchanged(self, *levels):
        """Nothing that counts may differ afterwards: totals, and the levels of these SKUs."""
        before = self.shared.totals(), [self.shared.level(sku) for sku in levels]
        yield
        after = self.shared.totals(), [self.shared.level(sku) for sku in levels]
        assert before == after, f"{before} became {after}"
        self.must_be_alive()


def refused(call, code, reason=None, field=None):
    """The call has to be refused so; returns the refusal."""
    try:
        answer = call()
    except grpc.RpcError as error:
        refusal = Refusal(error)
    else:
        raise AssertionError(f"not refused but answered {answer!r}")
    assert refusal.code == code, refusal
    if reason is not None:
        assert refusal.reason == reason, refusal
    if field is not None:
        assert field in refusal.fields + refusal.preconditions, refusal
    return refusal


def trailers(call, request, **options):
    """(response, trailers) of a unary call."""
    response, done = call.with_call(request, timeout=CALL_SECONDS, **options)
    return response, dict(done.trailing_metadata())


def start_souk(server, *words, **options):
    """A souk that runs; its output and what it says are pipes."""
    return subprocess.Popen([SOUK, "--address", server.address, *words], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def same(actual, wanted):
    assert actual == wanted, f"{actual!r} is not {wanted!r}"


def now():
    return datetime.datetime.now(datetime.timezone.utc).timestamp()


__all__ = [name for name in globals() if not name.startswith("_")]
