/* SPDX-License-Identifier: Apache-2.0 */
/* Where stock lies: souk.v1.LocationService. */
#ifndef SOUK_LOCATION_H
#define SOUK_LOCATION_H

#include <souk/common.h>

#ifdef __cplusplus
extern "C" {
#endif

enum souk_location_type {
    SOUK_LOCATION_TYPE_UNSPECIFIED = 0,
    SOUK_LOCATION_WAREHOUSE = 1,
    SOUK_LOCATION_STORE = 2,
    SOUK_LOCATION_SUPPLIER = 3,
    SOUK_LOCATION_TRANSIT = 4,
};

struct souk_location {
    const char *location_id;
    const char *name;
    enum souk_location_type type;
    const char *address;
    int32_t latitude_e7; /* degrees times 10^7; both 0 when unknown */
    int32_t longitude_e7;
    const char *time_zone; /* "Europe/Berlin" */
    const char *const *channels;
    size_t channel_count;
    const char *etag;
    int64_t create_time_ms;
    int64_t update_time_ms;
};

struct souk_location_upsert_request {
    const char *request_id;
    int64_t request_time_ms;
    struct souk_location location;
    const char *const *update_mask; /* fields of Location to write; all when empty */
    size_t update_mask_count;
    bool validate_only;
};

struct souk_location_upsert_reply {
    struct souk_answer answer;
    struct souk_location location;
    bool created;
    struct souk_stamp stamp;
};

struct souk_location_get_request {
    const char *location_id;
    struct souk_read read;
};

struct souk_location_get_reply {
    struct souk_answer answer;
    struct souk_location location;
    struct souk_stamp stamp;
};

struct souk_location_list_request {
    int32_t page_size;
    const char *page_token;
    struct souk_read read;
};

struct souk_location_list_reply {
    struct souk_answer answer;
    const struct souk_location *locations;
    size_t location_count;
    const char *next_page_token;
};

SOUK_CALL(location_upsert, souk_location_upsert_request, souk_location_upsert_reply);
SOUK_CALL(location_get, souk_location_get_request, souk_location_get_reply);
SOUK_CALL(location_list, souk_location_list_request, souk_location_list_reply);

#ifdef __cplusplus
}
#endif

#endif
