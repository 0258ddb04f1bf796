# SPDX-License-Identifier: Apache-2.0
"""The catalogue: locations and what their fields may hold."""
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
