/* SPDX-License-Identifier: Apache-2.0 */
/* What can be sold: souk.v1.CatalogService. */
#ifndef SOUK_CATALOG_H
#define SOUK_CATALOG_H

#include <souk/common.h>

#ifdef __cplusplus
extern "C" {
#endif

enum souk_sku_state {
    SOUK_SKU_STATE_UNSPECIFIED = 0,
    SOUK_SKU_DRAFT = 1,
    SOUK_SKU_ACTIVE = 2,
    SOUK_SKU_RETIRED = 3,
};

struct souk_sku {
    const char *sku_id;
    const char *product_id;
    const char *name;
    enum souk_sku_state state;
    const struct souk_attribute *attributes;
    size_t attribute_count;
    const char *const *category_path; /* from the root */
    size_t category_count;
    const char *brand;
    struct souk_money price;
    struct souk_money cost;
    const char *unit;
    uint32_t unit_exponent;
    const struct souk_attribute *options;
    size_t option_count;
    const char *const *gtins;
    size_t gtin_count;
    const char *const *aliases;
    size_t alias_count;
    const char *etag;
    int64_t create_time_ms;
    int64_t update_time_ms;
};

struct souk_sku_upsert_request {
    const char *request_id;
    int64_t request_time_ms;
    struct souk_sku sku;
    const char *const *update_mask; /* fields of Sku to write; all when empty */
    size_t update_mask_count;
    bool validate_only;
};

struct souk_sku_upsert_reply {
    struct souk_answer answer;
    struct souk_sku sku;
    bool created;
    struct souk_stamp stamp;
};

struct souk_sku_get_request {
    const char *sku_id;
    struct souk_read read;
};

struct souk_sku_get_reply {
    struct souk_answer answer;
    struct souk_sku sku;
    struct souk_stamp stamp;
};

struct souk_sku_batch_get_request {
    const char *const *sku_ids;
    size_t sku_id_count;
    struct souk_read read;
};

struct souk_sku_batch_get_reply {
    struct souk_answer answer;
    const struct souk_sku *skus;
    size_t sku_count;
    const char *const *missing_sku_ids;
    size_t missing_count;
};

struct souk_sku_list_request {
    int32_t page_size;
    const char *page_token;
    struct souk_read read;
};

struct souk_sku_list_reply {
    struct souk_answer answer;
    const struct souk_sku *skus;
    size_t sku_count;
    const char *next_page_token; /* empty on the last page */
};

struct souk_sku_delete_request {
    const char *request_id;
    int64_t request_time_ms;
    const char *sku_id;
    const char *etag;
};

struct souk_sku_delete_reply {
    struct souk_answer answer;
    struct souk_stamp stamp;
};

enum souk_identifier_kind {
    SOUK_IDENTIFIER_UNSPECIFIED = 0,
    SOUK_IDENTIFIER_SKU_ID = 1,
    SOUK_IDENTIFIER_GTIN = 2,
    SOUK_IDENTIFIER_ALIAS = 3,
};

struct souk_identifier_resolve_request {
    const char *identifier; /* a SKU's id, a GTIN in any of its lengths, an alias */
    struct souk_read read;
};

struct souk_identifier_resolve_reply {
    struct souk_answer answer;
    struct souk_sku sku;
    enum souk_identifier_kind kind;
    bool retired; /* the SKU had it once and lists it no more */
};

SOUK_CALL(sku_upsert, souk_sku_upsert_request, souk_sku_upsert_reply);
SOUK_CALL(sku_get, souk_sku_get_request, souk_sku_get_reply);
SOUK_CALL(sku_batch_get, souk_sku_batch_get_request, souk_sku_batch_get_reply);
SOUK_CALL(sku_list, souk_sku_list_request, souk_sku_list_reply);
SOUK_CALL(sku_delete, souk_sku_delete_request, souk_sku_delete_reply);
SOUK_CALL(identifier_resolve, souk_identifier_resolve_request,
          souk_identifier_resolve_reply);

#ifdef __cplusplus
}
#endif

#endif
