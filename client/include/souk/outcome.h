/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a call whose answer was lost: souk.v1.OutcomeService. */
#ifndef SOUK_OUTCOME_H
#define SOUK_OUTCOME_H

#include <souk/common.h>

#ifdef __cplusplus
extern "C" {
#endif

enum souk_request_outcome {
    SOUK_REQUEST_OUTCOME_UNSPECIFIED = 0,
    SOUK_REQUEST_APPLIED = 1,
    SOUK_REQUEST_REFUSED = 2,
    SOUK_REQUEST_NOT_APPLIED = 3, /* and from now on never will be */
};

/* Settles it: what is not known by now is never applied any more. One of the last three
 * says what the call was about: the SKU (of CreateHold: its first line's), the location or
 * the hold. */
struct souk_outcome_get_request {
    const char *request_id; /* of the call asked about */
    int64_t request_time_ms;
    const char *sku_id;
    const char *location_id;
    const char *hold_id;
};

struct souk_outcome_reply {
    struct souk_answer answer;
    enum souk_request_outcome outcome;
    struct souk_item_status status; /* why it was refused */
    const char *hold_id;            /* "": none */
    struct souk_stamp stamp;
};

SOUK_CALL(outcome_get, souk_outcome_get_request, souk_outcome_reply);

#ifdef __cplusplus
}
#endif

#endif
