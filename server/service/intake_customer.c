/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "server/service/check.h"
#include "server/service/intake.h"
#include "server/service/service_private.h"
#include "shard/base/identifier.h"

enum {
    INTAKE_FIELD_BYTES = 96,
    INTAKE_NAME_BYTES_MAX = 128,
};

static enum status intake_customer_attribute(const Souk__V1__Attribute *attribute,
                                             const char *field,
                                             struct customer_attribute *out,
                                             struct problem *problem)
{
    *out = (struct customer_attribute){.kind = CUSTOMER_ATTRIBUTE_TEXT};
    TRY(check_text(field, attribute->name, INTAKE_NAME_BYTES_MAX, &out->name, problem));
    if (out->name.size == 0) {
        return problem_set(problem, STATUS_INVALID, field, "%s: needs a name", field);
    }
    switch (attribute->value_case) {
    case SOUK__V1__ATTRIBUTE__VALUE_TEXT:
        return check_text(field, attribute->text, CUSTOMER_TEXT_BYTES_MAX, &out->text,
                          problem);
    case SOUK__V1__ATTRIBUTE__VALUE_NUMBER:
        out->kind = CUSTOMER_ATTRIBUTE_NUMBER;
        out->number = attribute->number;
        return STATUS_OK;
    case SOUK__V1__ATTRIBUTE__VALUE_FLAG:
        out->kind = CUSTOMER_ATTRIBUTE_FLAG;
        out->number = attribute->flag ? 1 : 0;
        return STATUS_OK;
    case SOUK__V1__ATTRIBUTE__VALUE__NOT_SET:
        break;
    }
    return problem_set(problem, STATUS_INVALID, field,
                       "%s: needs a text, a number or a flag", field);
}

static enum status intake_customer_attributes(const Souk__V1__Customer *customer,
                                              size_t count_max, struct arena *arena,
                                              struct customer_profile *out,
                                              struct problem *problem)
{
    size_t count = customer->n_attributes;
    struct customer_attribute *items;
    char field[INTAKE_FIELD_BYTES];
    TRY(check_count("customer.attributes", count, 0, count_max, problem));
    items = arena_alloc(arena, (count + 1) * sizeof *items);
    if (items == NULL) {
        return problem_set(problem, STATUS_TOO_LARGE, "", "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(field, sizeof field, "customer.attributes[%zu]", i);
        TRY(intake_customer_attribute(customer->attributes[i], field, &items[i],
                                      problem));
        for (size_t j = 0; j < i; j++) {
            if (slice_equal(items[j].name, items[i].name)) {
                return problem_set(problem, STATUS_INVALID, field,
                                   "%s: this name stands at %zu already", field, j);
            }
        }
    }
    out->attributes = items;
    out->attribute_count = (uint32_t)count;
    return STATUS_OK;
}

enum status intake_customer(const struct service *service,
                            const Souk__V1__Customer *customer, struct arena *arena,
                            struct customer_upsert *out, struct problem *problem)
{
    size_t attributes_max = (size_t)service->settings->attributes_max;
    *out = (struct customer_upsert){.attributes_max = (uint32_t)attributes_max};
    if (customer == NULL) {
        return problem_set(problem, STATUS_INVALID, "customer", "customer: missing");
    }
    TRY(check_id("customer.customer_id", customer->customer_id, &out->profile.customer_id,
                 problem));
    TRY(intake_customer_attributes(customer, attributes_max, arena, &out->profile,
                                   problem));
    out->consent_kept = customer->consent == NULL;
    if (customer->consent != NULL) {
        out->profile.personalization_withdrawn =
            customer->consent->personalization_withdrawn;
        out->profile.evidence_withdrawn = customer->consent->evidence_withdrawn;
    }
    if (inventory_etag_parse(slice_from_string(customer->etag), &out->etag) !=
        STATUS_OK) {
        return problem_set(problem, STATUS_ETAG_MISMATCH, "customer.etag", "%s",
                           status_text(STATUS_ETAG_MISMATCH));
    }
    out->customer =
        service_pseudonym(service, SERVICE_ACTOR_CUSTOMER, out->profile.customer_id);
    return STATUS_OK;
}

enum status intake_person(const struct service *service, const char *customer_id,
                          const char *visitor_id, struct hash128 *out,
                          struct problem *problem)
{
    struct slice id;
    if (customer_id != NULL) {
        TRY(check_id("customer_id", customer_id, &id, problem));
        *out = service_pseudonym(service, SERVICE_ACTOR_CUSTOMER, id);
        return STATUS_OK;
    }
    if (visitor_id != NULL) {
        TRY(check_id("visitor_id", visitor_id, &id, problem));
        *out = service_pseudonym(service, SERVICE_ACTOR_VISITOR, id);
        return STATUS_OK;
    }
    return problem_set(problem, STATUS_INVALID, "customer_id",
                       "customer_id: give it, or a visitor_id");
}

static enum status intake_actor(const struct service *service,
                                const Souk__V1__Event *event, struct customer_event *out,
                                struct problem *problem)
{
    switch (event->actor_case) {
    case SOUK__V1__EVENT__ACTOR_CUSTOMER_ID:
        return intake_person(service, event->customer_id, NULL, &out->customer, problem);
    case SOUK__V1__EVENT__ACTOR_VISITOR_ID:
        return intake_person(service, NULL, event->visitor_id, &out->customer, problem);
    case SOUK__V1__EVENT__ACTOR__NOT_SET:
        break;
    }
    return problem_set(problem, STATUS_INVALID, "customer_id",
                       "an event needs a customer_id or a visitor_id");
}

static enum status intake_event_id(const Souk__V1__Event *event, uint64_t line,
                                   struct customer_event *out, struct problem *problem)
{
    out->event_id = slice_from_string(event->event_id);
    if (line == 0 || out->event_id.size > 0) {
        if (!request_id_valid(out->event_id)) {
            return problem_set(problem, STATUS_INVALID, "event_id",
                               "event_id: 1 to %d printable characters without blanks, "
                               "unique in the shop",
                               REQUEST_ID_BYTES_MAX);
        }
    }
    out->line = line;
    return STATUS_OK;
}

enum status intake_event(const struct service *service, const Souk__V1__Event *event,
                         uint64_t line, int64_t now_ms, struct customer_event *out,
                         struct problem *problem)
{
    struct check_money price;
    struct problem refusal;
    *out = (struct customer_event){.kind = (enum customer_event_kind)event->kind,
                                   .quantity = event->quantity,
                                   .occurred_ms = now_ms};
    TRY(intake_event_id(event, line, out, problem));
    TRY(intake_actor(service, event, out, problem));
    if (out->kind < CUSTOMER_EVENT_VIEW || out->kind >= CUSTOMER_EVENT_KINDS) {
        return problem_set(problem, STATUS_INVALID, "kind", "kind: missing or unknown");
    }
    TRY(check_id_or_empty("sku_id", event->sku_id, &out->sku_id, problem));
    if (out->sku_id.size > 0) {
        out->sku_hash = hash64(out->sku_id, service->map->hash_seed);
    }
    TRY(check_text("session_id", event->session_id, CUSTOMER_SESSION_ID_BYTES_MAX,
                   &out->session_id, problem));
    TRY(check_text("detail", event->detail, CUSTOMER_DETAIL_BYTES_MAX, &out->detail,
                   problem));
    TRY(check_id_or_empty("location_id", event->location_id, &out->location_id, problem));
    if (event->quantity < 0) {
        return problem_set(problem, STATUS_INVALID, "quantity",
                           "quantity: not below 0; a return is an event of its own kind");
    }
    TRY(check_money("price", event->price, true, &price, problem));
    memcpy(out->price.currency, price.currency, sizeof out->price.currency);
    out->price.units = price.units;
    out->price.nanos = price.nanos;
    if (event->occurred_time != NULL) {
        TRY(check_time("occurred_time", event->occurred_time, &out->occurred_ms,
                       problem));
    }
    if (customer_event_check(out, &refusal) == STATUS_OK) {
        return STATUS_OK;
    }
    if (out->sku_id.size == 0 && strcmp(refusal.field, "sku_id") == 0) {
        return problem_set(problem, refusal.status, "sku_id",
                           "sku_id: missing; only a search or a visit to a store goes "
                           "without one");
    }
    return problem_set(problem, refusal.status, refusal.field, "%s: %s", refusal.field,
                       refusal.message);
}
