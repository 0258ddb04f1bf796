/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invoices of UCI "Online Retail" (Chen, Sain, Guo 2012) as Souk's records.
 *
 * A line becomes an event, or is skipped with one of the reasons below:
 *   - a sale: quantity above 0; a cancellation (invoice "C..."): a return
 *   - without CustomerID, a sale's invoice is one visitor's session
 *   - stock codes are goods when they begin with five digits, or are gift vouchers
 *     (gift_*), "DCGS*" or "PADS"; the rest (POST, DOT, M, D, S, C2, CRUK, B, fees) are
 *     services. Case does not tell two goods apart: 85123a is 85123A.
 */
#ifndef SOUK_CLIENT_CLI_IMPORT_RETAIL_H
#define SOUK_CLIENT_CLI_IMPORT_RETAIL_H

#include "client/cli/csv_reader.h"
#include "client/include/souk/souk.h"

enum {
    RETAIL_CODE_BYTES = 32,
    RETAIL_INVOICE_BYTES = 32,
    RETAIL_CUSTOMER_BYTES = 32,
};

enum retail_outcome {
    RETAIL_SALE,
    RETAIL_RETURN,
    RETAIL_SKIP, /* line->why is the reason, a literal */
    RETAIL_BAD,  /* line->why says what is wrong, a literal */
};

/* One line, understood. Texts are borrowed from the row, or lie in the struct. */
struct retail_line {
    char sku_id[RETAIL_CODE_BYTES];
    char invoice[RETAIL_INVOICE_BYTES];
    char customer_id[RETAIL_CUSTOMER_BYTES]; /* empty: a visitor */
    const char *description;
    const char *country;
    int64_t quantity; /* above 0 */
    int64_t time_ms;
    struct souk_money price;
    const char *why;
};

/* The place of each column in the file; false when one is missing. */
struct retail_columns {
    int invoice, code, description, quantity, date, price, customer, country;
};
bool retail_columns_find(const struct csv_row *header, struct retail_columns *out);

enum retail_outcome retail_line_read(const struct retail_columns *columns,
                                     const struct csv_row *row, struct retail_line *out);

#endif
