/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/quality/quality_queries.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/memory.h"

static void list_read(char *text, struct quality_list *list)
{
    size_t capacity = 0;
    char *item;
    while ((item = strsep(&text, " ")) != NULL) {
        if (*item != '\0') {
            memory_reserve((void **)&list->items, &capacity, list->count + 1,
                           sizeof(const char *));
            list->items[list->count++] = item;
        }
    }
}

static bool query_read(char *text, struct quality_query *query)
{
    char *rest = query->text = memory_string(text);
    char *actor = strsep(&rest, "\t");
    char *session = strsep(&rest, "\t");
    char *excluded = strsep(&rest, "\t");
    char *targets = strsep(&rest, "\t");
    if (targets == NULL || rest != NULL) {
        return false;
    }
    if (strncmp(actor, "c:", 2) == 0) {
        query->customer_id = actor + 2;
    } else if (strncmp(actor, "v:", 2) == 0) {
        query->visitor_id = actor + 2;
    } else if (*actor != '\0') {
        return false;
    }
    list_read(session, &query->session);
    list_read(excluded, &query->excluded);
    list_read(targets, &query->targets);
    return query->targets.count > 0;
}

bool quality_queries_read(struct quality_queries *queries, FILE *file, size_t *out_line)
{
    char *text = NULL;
    size_t capacity = 0;
    bool fine = true;
    ssize_t size;
    *queries = (struct quality_queries){.count = 0};
    while (fine && (size = getline(&text, &capacity, file)) >= 0) {
        if (size > 0 && text[size - 1] == '\n') {
            text[size - 1] = '\0';
        }
        memory_reserve((void **)&queries->queries, &queries->capacity, queries->count + 1,
                       sizeof *queries->queries);
        queries->queries[queries->count] = (struct quality_query){.text = NULL};
        fine = query_read(text, &queries->queries[queries->count++]);
    }
    *out_line = queries->count;
    free(text);
    return fine;
}

void quality_queries_free(struct quality_queries *queries)
{
    for (size_t i = 0; i < queries->count; i++) {
        free(queries->queries[i].session.items);
        free(queries->queries[i].excluded.items);
        free(queries->queries[i].targets.items);
        free(queries->queries[i].text);
    }
    free(queries->queries);
    *queries = (struct quality_queries){.count = 0};
}
