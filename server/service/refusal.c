/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/refusal.h"

#include <stdio.h>
#include <string.h>

enum {
    REFUSAL_ID_BYTES_MAX = 128, /* as shown, escapes counted */
    REFUSAL_ESCAPE_BYTES = 4,   /* \xNN */
    REFUSAL_FIELD_BYTES = 96,
};

/* --- Names ------------------------------------------------------------------------- */

void refusal_names_of_hold(const Souk__V1__CreateHoldRequest *request, uint32_t line,
                           struct refusal_names *out)
{
    *out = (struct refusal_names){.prefix = "", .of_line = true};
    if (line < request->n_lines) {
        out->sku_id = slice_from_string(request->lines[line]->sku_id);
        out->location_id = slice_from_string(request->lines[line]->location_id);
    }
}

void refusal_names_of_adjust(const Souk__V1__AdjustStockRequest *request,
                             struct refusal_names *out)
{
    *out = (struct refusal_names){.prefix = "adjustment."};
    if (request->adjustment != NULL) {
        out->sku_id = slice_from_string(request->adjustment->sku_id);
        out->location_id = slice_from_string(request->adjustment->location_id);
    }
}

void refusal_names_of_row(const Souk__V1__ImportRow *row, struct refusal_names *out)
{
    *out = (struct refusal_names){.prefix = ""};
    switch (row->record_case) {
    case SOUK__V1__IMPORT_ROW__RECORD_SKU:
        out->prefix = "sku.";
        out->sku_id = slice_from_string(row->sku->sku_id);
        return;
    case SOUK__V1__IMPORT_ROW__RECORD_LOCATION:
        out->prefix = "location.";
        out->location_id = slice_from_string(row->location->location_id);
        return;
    case SOUK__V1__IMPORT_ROW__RECORD_STOCK:
        out->prefix = "stock.";
        out->sku_id = slice_from_string(row->stock->sku_id);
        out->location_id = slice_from_string(row->stock->location_id);
        return;
    case SOUK__V1__IMPORT_ROW__RECORD_CUSTOMER:
    case SOUK__V1__IMPORT_ROW__RECORD_EVENT:
    case SOUK__V1__IMPORT_ROW__RECORD__NOT_SET:
        return; /* not decided by an inventory */
    }
}

void refusal_names_of_command(const struct inventory_command *command, uint32_t line,
                              struct refusal_names *out)
{
    *out = (struct refusal_names){.prefix = ""};
    switch (command->kind) {
    case INVENTORY_SKU_UPSERT:
        out->prefix = "sku.";
        out->sku_id = command->sku_upsert.sku.sku_id;
        return;
    case INVENTORY_SKU_DELETE:
        out->sku_id = command->sku_delete.sku_id;
        return;
    case INVENTORY_LOCATION_UPSERT:
        out->prefix = "location.";
        out->location_id = command->location_upsert.location.location_id;
        return;
    case INVENTORY_STOCK_ADJUST:
        out->prefix = "adjustment.";
        out->sku_id = command->stock_adjust.sku_id;
        out->location_id = command->stock_adjust.location_id;
        return;
    case INVENTORY_STOCK_SET:
        out->sku_id = command->stock_set.sku_id;
        out->location_id = command->stock_set.location_id;
        return;
    case INVENTORY_STOCK_MOVE:
        out->plain = true;
        out->sku_id = command->stock_move.sku_id;
        out->location_id = command->stock_move.location_id;
        out->to_location_id = command->stock_move.to_location_id;
        return;
    case INVENTORY_HOLD_CREATE:
        out->of_line = true;
        if (line < command->hold_create.line_count) {
            out->sku_id = command->hold_create.lines[line].sku_id;
            out->location_id = command->hold_create.lines[line].location_id;
        }
        return;
    case INVENTORY_COUNT_START: /* the service names what a count's calls name */
    case INVENTORY_COUNT_SUBMIT:
    case INVENTORY_COUNT_CLOSE:
    case INVENTORY_HOLD_EXTEND: /* the service itself keeps a hold's id as text */
    case INVENTORY_HOLD_COMMIT:
    case INVENTORY_HOLD_RELEASE:
    case INVENTORY_HOLD_FULFIL:
    case INVENTORY_HOLD_CANCEL:
    case INVENTORY_LOCATION_COPY: /* the server's own */
    case INVENTORY_ALIAS_RESERVE:
    case INVENTORY_ALIAS_SETTLE:
    case INVENTORY_TICK:
    case INVENTORY_HOLD_PREPARE:
    case INVENTORY_HOLD_VOTE:
    case INVENTORY_HOLD_STATE:
    case INVENTORY_HOLD_ACK:
    case INVENTORY_HOLD_QUESTION:
    case INVENTORY_REQUEST_SEAL:
    case INVENTORY_SOURCE_OPEN:
    case INVENTORY_SOURCE_UPDATE: /* a stream's items are named by its own service */
    case INVENTORY_SOURCE_THROUGH:
        return;
    }
}

/* --- Sentences --------------------------------------------------------------------- */

static void refusal_show_id(struct slice id, char out[REFUSAL_ID_BYTES_MAX + 1])
{
    size_t size = 0;
    for (size_t i = 0; i < id.size; i++) {
        uint8_t byte = id.data[i];
        bool plain = byte > 0x20 && byte < 0x7f && byte != '\'' && byte != '\\';
        size_t step = plain ? 1 : REFUSAL_ESCAPE_BYTES;
        if (size + step > REFUSAL_ID_BYTES_MAX) {
            break;
        }
        if (plain) {
            out[size] = (char)byte;
        } else {
            snprintf(out + size, REFUSAL_ESCAPE_BYTES + 1, "\\x%02x", byte);
        }
        size += step;
    }
    out[size] = '\0';
}

enum status refusal_missing(struct problem *problem, const char *field, const char *thing,
                            struct slice id, const char *create)
{
    char shown[REFUSAL_ID_BYTES_MAX + 1];
    refusal_show_id(id, shown);
    if (create == NULL) {
        return problem_set(problem, STATUS_NOT_FOUND, field, "no %s '%s'", thing, shown);
    }
    return problem_set(problem, STATUS_NOT_FOUND, field, "no %s '%s'; create it with %s",
                       thing, shown, create);
}

void refusal_of_outcome(const struct inventory_outcome *outcome,
                        const struct refusal_names *names, struct problem *out)
{
    char path[REFUSAL_FIELD_BYTES], field[REFUSAL_FIELD_BYTES];
    const char *leaf; /* the last name of the path */
    bool sku, location, to_location, hold, quantity, etag;
    inventory_outcome_problem(outcome, out);
    snprintf(path, sizeof path, "%s", out->field);
    leaf = strrchr(path, '.') != NULL ? strrchr(path, '.') + 1 : path;
    sku = strcmp(leaf, "sku_id") == 0;
    location = strcmp(leaf, "location_id") == 0;
    to_location = strcmp(leaf, "to_location_id") == 0;
    hold = strcmp(leaf, "hold_id") == 0;
    quantity = strcmp(leaf, "quantity") == 0;
    etag = strcmp(leaf, "etag") == 0;
    if (names->of_line && (sku || location || quantity)) {
        snprintf(field, sizeof field, "lines[%u].%.32s", outcome->line, leaf);
    } else if (location && names->plain) {
        snprintf(field, sizeof field, "from_location_id");
    } else if (names->plain) {
        snprintf(field, sizeof field, "%s", leaf);
    } else if (sku || location || quantity || etag) {
        snprintf(field, sizeof field, "%.32s%.60s", names->prefix,
                 names->prefix[0] != '\0' ? leaf : path);
    } else {
        snprintf(field, sizeof field, "%s", path);
    }
    snprintf(out->field, sizeof out->field, "%s", field);
    if (outcome->status != STATUS_NOT_FOUND) {
        return;
    }
    if (sku && names->sku_id.size > 0) {
        refusal_missing(out, field, "SKU", names->sku_id, "UpsertSku");
    } else if (location && names->location_id.size > 0) {
        refusal_missing(out, field, "location", names->location_id, "UpsertLocation");
    } else if (to_location && names->to_location_id.size > 0) {
        refusal_missing(out, field, "location", names->to_location_id, "UpsertLocation");
    } else if (hold && names->hold_id.size > 0) {
        refusal_missing(out, field, "hold", names->hold_id, NULL);
    }
}
