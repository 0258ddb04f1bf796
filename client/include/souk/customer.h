/* SPDX-License-Identifier: Apache-2.0 */
/* Who the shop knows: souk.v1.CustomerService. */
#ifndef SOUK_CUSTOMER_H
#define SOUK_CUSTOMER_H

#include <souk/common.h>
#include <souk/event.h>

#ifdef __cplusplus
extern "C" {
#endif

struct souk_customer {
    const char *customer_id;
    const struct souk_attribute *attributes;
    size_t attribute_count;
    /* In a write: false, and neither flag set, leaves the consent as it stands. */
    bool consent_given;
    bool personalization_withdrawn;
    bool evidence_withdrawn;
    const char *etag;
    int64_t create_time_ms;
    int64_t update_time_ms;
    uint64_t event_count;
};

struct souk_customer_upsert_request {
    const char *request_id;
    int64_t request_time_ms;
    struct souk_customer customer;
};

struct souk_customer_upsert_reply {
    struct souk_answer answer;
    struct souk_customer customer; /* empty id: a replay, and erased since */
    bool created;
    struct souk_stamp stamp;
};

struct souk_customer_get_request {
    const char *customer_id;
    struct souk_read read;
};

struct souk_customer_get_reply {
    struct souk_answer answer;
    struct souk_customer customer;
    struct souk_stamp stamp;
};

/* Erases one customer or visitor, and what follows from their history; souk.v1 says what
 * is left and until when. OK for somebody nobody knows. */
struct souk_customer_erase_request {
    const char *request_id;
    int64_t request_time_ms;
    const char *customer_id; /* either this ... */
    const char *visitor_id;  /* ... or this */
};

struct souk_erasure_confirmation {
    uint64_t node_id;
    uint64_t log_index; /* at or past the erasure */
};

/* The proof. All counts 0: nothing was there. */
struct souk_customer_erase_reply {
    struct souk_answer answer;
    struct souk_stamp stamp; /* of the log entry that erased */
    uint64_t events_removed;
    uint64_t sessions_removed;
    bool profile_removed;
    const struct souk_erasure_confirmation *confirmations;
    size_t confirmation_count;
};

/*
 * Everything stored of one customer or visitor, part by part: the profile first, then the
 * events, newest recorded first. `on_part` runs on a thread of the library, in order; the
 * next part is read when it returns, so memory stays bounded; false ends the export with
 * SOUK_CANCELLED. Waits until the export has ended. A lost connection ends it, too: begin
 * anew. Without a deadline in the options there is none. Not on a callback thread.
 */
struct souk_customer_export_request {
    const char *customer_id; /* either this ... */
    const char *visitor_id;  /* ... or this */
    struct souk_read read;
};

struct souk_exported_event {
    struct souk_event event;
    int64_t record_time_ms;
    uint64_t import_line; /* 0: no import brought it */
};

/* Borrowed until on_part returns. */
struct souk_customer_export_part {
    bool first;
    const struct souk_customer *customer; /* of the first part; NULL: no profile */
    uint64_t event_count;                 /* of the first part: how many will follow */
    const struct souk_exported_event *events;
    size_t events_here;
    struct souk_stamp stamp;
};

typedef bool souk_customer_on_part(void *context,
                                   const struct souk_customer_export_part *part);
SOUK_API enum souk_code souk_customer_export(
    struct souk_client *client, const struct souk_customer_export_request *request,
    const struct souk_call_options *options, souk_customer_on_part *on_part,
    void *context, struct souk_error *out_error);

SOUK_CALL(customer_upsert, souk_customer_upsert_request, souk_customer_upsert_reply);
SOUK_CALL(customer_get, souk_customer_get_request, souk_customer_get_reply);
SOUK_CALL(customer_erase, souk_customer_erase_request, souk_customer_erase_reply);

#ifdef __cplusplus
}
#endif

#endif
