/* SPDX-License-Identifier: Apache-2.0 */
/* Who the shop knows: souk.v1.CustomerService. */
#ifndef SOUK_CUSTOMER_H
#define SOUK_CUSTOMER_H

#include <souk/common.h>

#ifdef __cplusplus
extern "C" {
#endif

struct souk_customer {
    const char *customer_id;
    const struct souk_attribute *attributes;
    size_t attribute_count;
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
    struct souk_customer customer;
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

SOUK_CALL(customer_upsert, souk_customer_upsert_request, souk_customer_upsert_reply);
SOUK_CALL(customer_get, souk_customer_get_request, souk_customer_get_reply);

#ifdef __cplusplus
}
#endif

#endif
