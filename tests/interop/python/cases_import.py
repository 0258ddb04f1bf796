# SPDX-License-Identifier: Apache-2.0
"""Files brought in: each row once, whatever is sent again."""
import queue

from world import *


class Import:
    """One stream of ImportRows, message by message."""

    def __init__(self, server, import_id):
        self.outgoing = queue.Queue()
        self.answers = server.imports.ImportRows(iter(self.outgoing.get, None),
                                                 timeout=CALL_SECONDS)
        self.outgoing.put(import_pb2.ImportRowsRequest(
            open=import_pb2.ImportOpen(import_id=import_id)))
        self.credit = next(self.answers).opened.credit

    def send(self, rows):
        self.outgoing.put(import_pb2.ImportRowsRequest(batch=import_pb2.ImportBatch(rows=rows)))

    def ack(self):
        return next(self.answers).ack

    def close(self):
        self.outgoing.put(None)
        return list(self.answers)


def rows_of(prefix, count=30):
    """A location, SKUs, their stock, customers and events, lines from 1."""
    rows, line = [], iter(range(1, 10**6))
    rows.append(import_pb2.ImportRow(line=next(line), location=location_pb2.Location(
        location_id=f"{prefix}-shop", name="Shop")))
    for i in range(count):
        rows.append(import_pb2.ImportRow(line=next(line), sku=catalog_pb2.Sku(
            sku_id=f"{prefix}-{i}", name=f"Thing {i}")))
    for i in range(count):
        rows.append(import_pb2.ImportRow(line=next(line), stock=import_pb2.ImportStock(
            sku_id=f"{prefix}-{i}", location_id=f"{prefix}-shop", on_hand=i + 1)))
    for i in range(count):
        rows.append(import_pb2.ImportRow(line=next(line), customer=customer_pb2.Customer(
            customer_id=f"{prefix}-c{i}")))
        for j in range(3):
            rows.append(import_pb2.ImportRow(line=next(line), event=event_pb2.Event(
                customer_id=f"{prefix}-c{i}", kind=event_pb2.EVENT_KIND_PURCHASE,
                sku_id=f"{prefix}-{(i + j) % count}", quantity=1,
                occurred_time=timestamp(1_300_000_000 + i))))
    return rows


def send_all(server, import_id, rows, size=10):
    stream, acks = Import(server, import_id), []
    for start in range(0, len(rows), size):
        stream.send(rows[start:start + size])
        if start // size >= stream.credit - 1:
            acks.append(stream.ack())
    stream.outgoing.put(None)
    acks += [answer.ack for answer in stream.answers]
    same([ack.through_line for ack in acks],
         [rows[min(start + size, len(rows)) - 1].line for start in range(0, len(rows), size)])
    return acks


def test_a_file_is_imported_once(world):
    server, prefix = world.shared, world.name("imp")
    rows = rows_of(prefix)
    before = server.totals()
    acks = send_all(server, f"sha256:{prefix}", rows)
    same((sum(a.applied for a in acks), sum(a.duplicates for a in acks)), (len(rows), 0))
    assert not any(ack.failures for ack in acks)
    after = server.totals()
    same((after.skus - before.skus, after.units_on_hand - before.units_on_hand,
          after.events - before.events), (30, sum(range(1, 31)), 90))
    with world.unchanged():
        acks = send_all(server, f"sha256:{prefix}", rows, size=7)
        same((sum(a.applied for a in acks), sum(a.duplicates for a in acks)), (0, len(rows)))


def test_an_import_goes_on_from_anywhere_before_its_end(world):
    server, prefix = world.shared, world.name("imp")
    rows = rows_of(prefix)
    send_all(server, prefix, rows[:50])
    acks = send_all(server, prefix, rows[20:])
    same((sum(a.applied for a in acks), sum(a.duplicates for a in acks)), (len(rows) - 50, 30))


def test_an_import_over_many_shards_is_whole(world):
    with world.server("--sku-shards", "4", "--customer-shards", "8",
                      "--shard-loops", "2") as server:
        rows = rows_of("m", 40)
        # A second location in the middle: what follows may name it at once.
        line = rows[-1].line
        rows.append(import_pb2.ImportRow(line=line + 1, location=location_pb2.Location(
            location_id="late")))
        for i in range(40):
            rows.append(import_pb2.ImportRow(line=line + 2 + i, stock=import_pb2.ImportStock(
                sku_id=f"m-{i}", location_id="late", on_hand=1)))
        acks = send_all(server, "m", rows, size=64)
        assert not any(ack.failures for ack in acks), [a.failures for a in acks]
        same(sum(a.applied for a in acks), len(rows))
        totals = server.totals()
        same((totals.skus, totals.units_on_hand, totals.events),
             (40, sum(range(1, 41)) + 40, 120))
        acks = send_all(server, "m", rows, size=50)
        same((sum(a.applied for a in acks), sum(a.duplicates for a in acks)), (0, len(rows)))
        same(server.totals(), totals)


def test_bad_rows_are_named_and_the_others_taken(world):
    server, prefix = world.shared, world.name("imp")
    send_all(server, prefix + ":a", rows_of(prefix)[:31])
    rows = [
        import_pb2.ImportRow(line=3, sku=catalog_pb2.Sku(sku_id="bad id")),
        import_pb2.ImportRow(line=5),
        import_pb2.ImportRow(line=8, stock=import_pb2.ImportStock(
            sku_id=f"{prefix}-1", location_id=f"{prefix}-shop", on_hand=7)),
        import_pb2.ImportRow(line=9, stock=import_pb2.ImportStock(
            sku_id="not-there", location_id=f"{prefix}-shop", on_hand=7)),
        import_pb2.ImportRow(line=10, stock=import_pb2.ImportStock(
            sku_id=f"{prefix}-2", location_id=f"{prefix}-shop", on_hand=-1)),
        import_pb2.ImportRow(line=20, event=event_pb2.Event(customer_id=prefix)),
        import_pb2.ImportRow(line=21, event=event_pb2.Event(
            customer_id=prefix, kind=event_pb2.EVENT_KIND_SEARCH)),
        import_pb2.ImportRow(line=22, event=event_pb2.Event(
            customer_id=prefix, kind=event_pb2.EVENT_KIND_VIEW)),
        import_pb2.ImportRow(line=23, sku=catalog_pb2.Sku(sku_id=prefix, name="a\tb")),
        import_pb2.ImportRow(line=24, customer=customer_pb2.Customer(customer_id=prefix),
                             update_mask={"paths": ["consent"]}),
        import_pb2.ImportRow(line=25, sku=catalog_pb2.Sku(sku_id=prefix),
                             update_mask={"paths": ["colour"]})]
    ack = send_all(server, prefix + ":b", rows, size=50)[0]
    same([(f.line, f.status.reason, f.status.field) for f in ack.failures],
         [(3, "INVALID", "sku.sku_id"), (5, "INVALID", "record"), (9, "NOT_FOUND", "stock.sku_id"),
          (10, "INVALID", "stock.on_hand"), (20, "INVALID", "kind"),
          (22, "INVALID", "sku_id"), (23, "INVALID", "sku.name"),
          (24, "INVALID", "update_mask"), (25, "INVALID", "update_mask")])
    same(ack.failures[2].status.message, "no SKU 'not-there'; create it with UpsertSku")
    assert ack.failures[5].status.message.startswith("sku_id: missing")
    same((ack.applied, ack.through_line), (2, 25))
    same(server.level(f"{prefix}-1", f"{prefix}-shop").on_hand, 7)


def test_what_a_row_does_not_name_stays(world):
    server, prefix = world.shared, world.name("imp")
    whole = catalog_pb2.Sku(sku_id=prefix, name="Lamp", brand="Acme",
                            state=catalog_pb2.SKU_STATE_RETIRED)
    who = customer_pb2.Customer(customer_id=prefix, consent=customer_pb2.Consent(
        personalization_withdrawn=True, evidence_withdrawn=True))
    send_all(server, prefix + ":a", [import_pb2.ImportRow(line=1, sku=whole),
                                     import_pb2.ImportRow(line=2, customer=who)])
    send_all(server, prefix + ":b", [
        import_pb2.ImportRow(line=1, sku=catalog_pb2.Sku(sku_id=prefix, name="Big lamp"),
                             update_mask={"paths": ["name"]}),
        import_pb2.ImportRow(line=2, customer=customer_pb2.Customer(customer_id=prefix))])
    sku = server.catalog.GetSku(catalog_pb2.GetSkuRequest(sku_id=prefix)).sku
    same((sku.name, sku.brand, sku.state), ("Big lamp", "Acme", catalog_pb2.SKU_STATE_RETIRED))
    back = server.customer.GetCustomer(
        customer_pb2.GetCustomerRequest(customer_id=prefix)).customer
    same((back.consent.personalization_withdrawn, back.consent.evidence_withdrawn), (True, True))


def test_lines_that_do_not_grow_end_the_stream(world):
    server, prefix = world.shared, world.name("imp")
    row = import_pb2.ImportRow(line=2, sku=catalog_pb2.Sku(sku_id=prefix))
    with world.unchanged():
        for lines in ((2, 2), (3, 2), (0,)):
            stream = Import(server, prefix)
            stream.send([import_pb2.ImportRow(line=line, sku=row.sku) for line in lines])
            refused(stream.ack, "INVALID_ARGUMENT", "INVALID")
            stream.outgoing.put(None)


def test_an_import_begins_with_open(world):
    server = world.shared
    with world.unchanged():
        for messages in ([import_pb2.ImportRowsRequest(batch=import_pb2.ImportBatch())],
                         [import_pb2.ImportRowsRequest()],
                         [import_pb2.ImportRowsRequest(open=import_pb2.ImportOpen())],
                         [import_pb2.ImportRowsRequest(open=import_pb2.ImportOpen(
                             import_id="x" * 129))]):
            refused(lambda: list(server.imports.ImportRows(iter(messages),
                                                           timeout=CALL_SECONDS)),
                    "INVALID_ARGUMENT", "INVALID")


def test_two_lines_that_look_alike_are_two_events(world):
    server, prefix = world.shared, world.name("imp")
    before = server.totals().events
    twin = event_pb2.Event(customer_id=prefix, kind=event_pb2.EVENT_KIND_PURCHASE, sku_id="a-sku",
                           quantity=1, occurred_time=timestamp(1_300_000_000))
    send_all(server, prefix, [import_pb2.ImportRow(line=line, event=twin) for line in (1, 2)])
    same(server.totals().events, before + 2)
