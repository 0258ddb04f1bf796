# SPDX-License-Identifier: Apache-2.0
"""The catalogue: locations, and what SKUs are found under."""
from google.protobuf import field_mask_pb2

from world import *

Location = location_pb2.Location


def put_place(server, paths=None, **fields):
    """Writes a location; `paths` is the mask, None for no mask at all."""
    mask = None if paths is None else field_mask_pb2.FieldMask(paths=paths)
    return server.location.UpsertLocation(location_pb2.UpsertLocationRequest(
        request_id=uuid7(), location=Location(**fields), update_mask=mask),
        timeout=CALL_SECONDS)


def test_a_mask_writes_of_a_location_what_it_names(world):
    server, name = world.shared, world.name("masked")
    made = put_place(server, location_id=name, name="Porto", type=location_pb2.LOCATION_TYPE_STORE,
                     address="Rua 1", latitude_e7=411496000, longitude_e7=-86109000,
                     time_zone="Europe/Lisbon", channels=["web", "store"])
    moved = put_place(server, ["longitude_e7", "latitude_e7"], location_id=name, name="lost",
                      latitude_e7=-1, longitude_e7=1800000000).location
    same((moved.name, moved.latitude_e7, moved.longitude_e7), ("Porto", -1, 1800000000))
    same((moved.time_zone, list(moved.channels), moved.type),
         ("Europe/Lisbon", ["web", "store"], location_pb2.LOCATION_TYPE_STORE))
    assert moved.etag != made.location.etag
    same(put_place(server, [], location_id=name, name="lost").location, moved)
    refused(lambda: put_place(server, ["etag"], location_id=name), "INVALID_ARGUMENT",
            field="update_mask")
    refused(lambda: put_place(server, ["name"], location_id=name, name="x",
                              etag=made.location.etag), "ABORTED", "ETAG_MISMATCH")
    same(server.location.GetLocation(location_pb2.GetLocationRequest(location_id=name)).location,
         moved)


def test_a_location_off_the_globe_or_of_no_time_zone_is_refused_and_leaves_no_trace(world):
    server, name = world.shared, world.name("nowhere")
    for fields, at in (
            ({"latitude_e7": 900000001}, "location.latitude_e7"),
            ({"latitude_e7": -900000001}, "location.latitude_e7"),
            ({"longitude_e7": 1800000001}, "location.latitude_e7"),
            ({"longitude_e7": -2**31}, "location.latitude_e7"),
            ({"time_zone": "Europe/"}, "location.time_zone"),
            ({"time_zone": "/etc/passwd"}, "location.time_zone"),
            ({"time_zone": "../Berlin"}, "location.time_zone"),
            ({"time_zone": "Europe Berlin"}, "location.time_zone"),
            ({"time_zone": "A" * 200}, "location.time_zone"),
            ({"type": 9}, "location.type"),
            ({"channels": ["web", "web"]}, "location.channels[1]"),
            ({"channels": ["web store"]}, "location.channels[0]"),
            ({"channels": [f"c{i}" for i in range(65)]}, "location.channels")):
        refused(lambda: put_place(server, location_id=name, **fields), "INVALID_ARGUMENT",
                field=at)
    refused(lambda: server.location.GetLocation(
        location_pb2.GetLocationRequest(location_id=name)), "NOT_FOUND")
    for zone in ("UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires", "America/Port-au-Prince"):
        same(put_place(server, location_id=name, time_zone=zone).location.time_zone, zone)


# --- What SKUs are found under ---------------------------------------------------------

SHARDS = ("--sku-shards", "8")


def put_sku(server, sku_id, request_id=None, paths=None, **fields):
    mask = None if paths is None else field_mask_pb2.FieldMask(paths=paths)
    return server.catalog.UpsertSku(catalog_pb2.UpsertSkuRequest(
        request_id=request_id or uuid7(), sku=catalog_pb2.Sku(sku_id=sku_id, **fields),
        update_mask=mask), timeout=CALL_SECONDS)


def resolve(server, identifier):
    return server.catalog.ResolveIdentifier(catalog_pb2.ResolveIdentifierRequest(
        identifier=identifier), timeout=CALL_SECONDS)


def found(server, identifier):
    """(sku_id, kind, retired)"""
    answer = resolve(server, identifier)
    return answer.sku.sku_id, catalog_pb2.IdentifierKind.Name(answer.kind)[16:], answer.retired


def gtin13(number):
    digits = f"{number:012d}"
    return digits + str(-sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits)) % 10)


def test_a_sku_is_found_under_its_id_its_gtins_in_any_length_and_its_aliases(world):
    for flags in (SHARDS, ()):
        found_under_all(world, flags)


def found_under_all(world, flags):
    with world.server(*flags) as server:
        for n in range(20):  # their hashes lie on every shard
            put_sku(server, f"S-{n}", gtins=[gtin13(n)], aliases=[f"OLD-{n}", f"supplier:{n}"])
        for n in range(20):
            same(found(server, f"S-{n}"), (f"S-{n}", "SKU_ID", False))
            same(found(server, gtin13(n)), (f"S-{n}", "GTIN", False))
            same(found(server, "0" + gtin13(n)), (f"S-{n}", "GTIN", False))
            same(found(server, f"OLD-{n}"), (f"S-{n}", "ALIAS", False))
            same(found(server, f"supplier:{n}"), (f"S-{n}", "ALIAS", False))
        put_sku(server, "UPC", gtins=["036000291452"])
        for text in ("036000291452", "0036000291452", "00036000291452"):
            same(found(server, text), ("UPC", "GTIN", False))
        put_sku(server, "EIGHT", gtins=["73513537"])
        same(found(server, "00000073513537"), ("EIGHT", "GTIN", False))
        for nothing in ("OLD-99", gtin13(77), "S-99"):
            refused(lambda: resolve(server, nothing), "NOT_FOUND", field="identifier")
        for bad in ("", "a b", "x" * 129, "../x", "a\nb"):
            refused(lambda: resolve(server, bad), "INVALID_ARGUMENT", field="identifier")


def test_an_identifier_is_never_pointed_at_another_sku(world):
    for flags in (SHARDS, ()):
        never_pointed_elsewhere(world, flags)


def never_pointed_elsewhere(world, flags):
    with world.server(*flags) as server:
        put_sku(server, "A", gtins=["4006381333931"], aliases=["OLD-1"])
        for fields, at in (({"aliases": ["OLD-1"]}, "sku.aliases[0]"),
                           ({"gtins": ["04006381333931"]}, "sku.gtins[0]"),
                           ({"aliases": ["NEW", "4006381333931"]}, "sku.aliases[1]"),
                           ({"aliases": ["A"]}, "sku.aliases[0]")):
            told = refused(lambda: put_sku(server, "B", **fields), "ALREADY_EXISTS", field=at)
            assert "'A'" in told.message, told
        refused(lambda: put_sku(server, "OLD-1"), "ALREADY_EXISTS", field="sku.sku_id")
        # A refusal leaves no trace: not the SKU, and not the names reserved beside.
        refused(lambda: server.catalog.GetSku(catalog_pb2.GetSkuRequest(sku_id="B")), "NOT_FOUND")
        refused(lambda: resolve(server, "NEW"), "NOT_FOUND")
        put_sku(server, "C", aliases=["NEW"])
        # Left out it is retired: still A's, and A may take it back.
        put_sku(server, "A", paths=["aliases"], aliases=["OLD-2"])
        same(found(server, "OLD-1"), ("A", "ALIAS", True))
        same(found(server, "OLD-2"), ("A", "ALIAS", False))
        same(found(server, "4006381333931"), ("A", "GTIN", False))
        refused(lambda: put_sku(server, "B", aliases=["OLD-1"]), "ALREADY_EXISTS")
        put_sku(server, "A", paths=["aliases"], aliases=["OLD-1"])
        same(found(server, "OLD-1"), ("A", "ALIAS", False))
        # Also when A is gone; and a new A may have it.
        server.catalog.DeleteSku(catalog_pb2.DeleteSkuRequest(request_id=uuid7(), sku_id="A"))
        told = refused(lambda: resolve(server, "OLD-1"), "NOT_FOUND")
        assert "'OLD-1'" in told.message and "A" in told.message
        refused(lambda: put_sku(server, "B", aliases=["OLD-1"]), "ALREADY_EXISTS")
        put_sku(server, "A", aliases=["OLD-1"])
        same(found(server, "OLD-1"), ("A", "ALIAS", False))


def test_identifiers_that_are_none_are_refused_and_leave_no_trace(world):
    server, name = world.shared, world.name("bad")
    for fields, at in (({"gtins": ["4006381333932"]}, "sku.gtins[0]"),
                       ({"gtins": ["123"]}, "sku.gtins[0]"),
                       ({"gtins": ["73513537", "4006381E33931"]}, "sku.gtins[1]"),
                       ({"gtins": ["036000291452", "0036000291452"]}, "sku.gtins[1]"),
                       ({"gtins": ["036000291452"], "aliases": ["0036000291452"]},
                        "sku.aliases[0]"),
                       ({"aliases": ["x", "x"]}, "sku.aliases[1]"),
                       ({"aliases": ["a b"]}, "sku.aliases[0]"),
                       ({"aliases": [name]}, "sku.aliases[0]"),
                       ({"aliases": [f"a{n}" for n in range(65)]}, "sku.aliases"),
                       ({"aliases": ["fine"], "state": 9}, "sku.state")):
        refused(lambda: put_sku(server, name, **fields), "INVALID_ARGUMENT", field=at)
    told = refused(lambda: put_sku(server, name, gtins=["4006381333932"]), "INVALID_ARGUMENT")
    assert "it would be 1" in told.message, told
    for nothing in (name, "fine", "x", "036000291452"):
        refused(lambda: resolve(server, nothing), "NOT_FOUND")


def test_a_write_with_aliases_is_applied_once_and_answered_alike(world):
    with world.server(*SHARDS) as server:
        first = uuid7()
        made = put_sku(server, "A", first, aliases=["X", "Y"])
        again, told = trailers(server.catalog.UpsertSku, catalog_pb2.UpsertSkuRequest(
            request_id=first, sku=catalog_pb2.Sku(sku_id="A", aliases=["X", "Y"])))
        same((again.sku, again.created, told["souk-replayed"]), (made.sku, True, "1"))
        refused(lambda: put_sku(server, "A", first, aliases=["X", "Z"]), "INVALID_ARGUMENT",
                "REQUEST_ID_REUSED")
        refused(lambda: resolve(server, "Z"), "NOT_FOUND")
        put_sku(server, "B", aliases=["Z"])
        # A refusal is remembered too, whatever has become free meanwhile.
        second = uuid7()
        refused(lambda: put_sku(server, "C", second, aliases=["W"], etag=made.sku.etag),
                "NOT_FOUND")
        put_sku(server, "D", aliases=["W"])
        refused(lambda: put_sku(server, "C", second, aliases=["W"], etag=made.sku.etag),
                "NOT_FOUND")
        third = uuid7()
        refused(lambda: put_sku(server, "E", third, aliases=["W"]), "ALREADY_EXISTS")
        answer = refused(lambda: put_sku(server, "E", third, aliases=["W"]), "ALREADY_EXISTS")
        same(answer.trailers.get("souk-replayed"), "1")
        same(found(server, "W"), ("D", "ALIAS", False))


def test_of_many_who_want_one_alias_at_once_one_gets_it(world):
    with world.server(*SHARDS) as server:
        calls = [server.catalog.UpsertSku.future(catalog_pb2.UpsertSkuRequest(
            request_id=uuid7(), sku=catalog_pb2.Sku(sku_id=f"S-{n}", aliases=["THE-ONE"])))
            for n in range(64)]
        won = [n for n, call in enumerate(calls) if call.exception() is None]
        same(len(won), 1)
        assert all(call.code().name == "ALREADY_EXISTS" for n, call in enumerate(calls)
                   if n not in won)
        same(found(server, "THE-ONE"), (f"S-{won[0]}", "ALIAS", False))
        same([sku.sku_id for sku in server.catalog.ListSkus(
            catalog_pb2.ListSkusRequest(), timeout=CALL_SECONDS).skus], [f"S-{won[0]}"])


def test_identifiers_outlive_a_killed_server(world):
    server = world.start(*SHARDS)
    for n in range(30):
        put_sku(server, f"S-{n}", aliases=[f"OLD-{n}"], gtins=[gtin13(n)])
    put_sku(server, "S-0", paths=["aliases"])
    server.end(signal.SIGKILL)
    server = world.start(folder=server.folder)
    for n in range(1, 30):
        same(found(server, f"OLD-{n}"), (f"S-{n}", "ALIAS", False))
        same(found(server, gtin13(n)), (f"S-{n}", "GTIN", False))
    same(found(server, "OLD-0"), ("S-0", "ALIAS", True))
    refused(lambda: put_sku(server, "T", aliases=["OLD-3"]), "ALREADY_EXISTS")
    server.end()
