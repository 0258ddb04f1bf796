/* SPDX-License-Identifier: Apache-2.0 */
/* souk-check: judges a history that was written down, whoever made it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/check/check.h"
#include "tests/sim/check/history_file.h"

enum {
    EXIT_VIOLATION = 1,
    EXIT_USAGE = 2,
    EXIT_UNKNOWN = 3,
};

static const char usage[] =
    "usage: souk-check [--json] FILE\n"
    "\n"
    "Judges a history: one JSON line an event, as souk-sim --history writes them (- "
    "reads\n"
    "standard input). The invariants are those of tests/sim/check/README.md.\n"
    "Exit: 0 clean, 1 violation, 2 usage or not a history, 3 a search ran out.\n";

static void print_json(const struct check_verdict *verdict, uint64_t events)
{
    printf("{\"events\":%" PRIu64 ",\"calls\":%" PRIu64 ",\"searches\":%" PRIu64
           ",\"unknown\":%" PRIu64 ",\"forgotten\":%" PRIu64
           ",\"violations_seen\":%" PRIu64 ",\"violations\":[",
           events, verdict->calls, verdict->searches, verdict->unknown,
           verdict->forgotten, verdict->violations_seen);
    for (uint32_t i = 0; i < verdict->violation_count; i++) {
        printf("%s{\"invariant\":", i > 0 ? "," : "");
        history_write_text(stdout,
                           check_invariant_name(verdict->violations[i].invariant));
        printf(",\"at_ms\":%" PRIu64 ",\"why\":", verdict->violations[i].at_ms);
        history_write_text(stdout, verdict->violations[i].text);
        putchar('}');
    }
    puts("]}");
}

static void print_text(const struct check_verdict *verdict, uint64_t events)
{
    for (uint32_t i = 0; i < verdict->violation_count; i++) {
        printf("violation: %s at %" PRIu64 " ms: %s\n",
               check_invariant_name(verdict->violations[i].invariant),
               verdict->violations[i].at_ms, verdict->violations[i].text);
    }
    printf("%" PRIu64 " events, %" PRIu64 " operations, %" PRIu64 " searches (%" PRIu64
           " unknown), %" PRIu64 " violations\n",
           events, verdict->calls, verdict->searches, verdict->unknown,
           verdict->violations_seen);
}

/* A history with a line that is no event is judged no further. */
static enum status judge(struct checker *checker, FILE *file, const char *name,
                         uint64_t *events)
{
    struct history_event event;
    struct problem problem = {0};
    uint64_t line = 0;
    enum status status;
    while ((status = history_read(file, &line, &event, &problem)) == STATUS_OK) {
        checker_event(checker, &event);
        ++*events;
    }
    if (status != STATUS_NOT_FOUND) {
        fprintf(stderr, "souk-check: %s:%" PRIu64 ": %s\n", name, line, problem.message);
        return status;
    }
    return ferror(file) ? STATUS_IO : STATUS_OK;
}

int main(int count, char **values)
{
    bool json = count == 3 && strcmp(values[1], "--json") == 0;
    if (count == 2 && strcmp(values[1], "--help") == 0) {
        fputs(usage, stdout);
        return EXIT_SUCCESS;
    }
    if (count != 2 + json) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    const char *name = values[count - 1];
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
    if (file == NULL) {
        perror(name);
        return EXIT_USAGE;
    }
    uint64_t events = 0;
    struct check_verdict verdict;
    struct checker *checker = checker_new(NULL);
    enum status status = judge(checker, file, name, &events);
    if (status == STATUS_OK && events == 0) {
        fprintf(stderr, "souk-check: %s: no events\n", name);
        status = STATUS_INVALID;
    }
    checker_verdict(checker, &verdict);
    if (status == STATUS_OK && json) {
        print_json(&verdict, events);
    } else if (status == STATUS_OK) {
        print_text(&verdict, events);
    }
    int code = status != STATUS_OK           ? EXIT_USAGE
               : verdict.violations_seen > 0 ? EXIT_VIOLATION
               : verdict.unknown > 0         ? EXIT_UNKNOWN
                                             : EXIT_SUCCESS;
    checker_free(checker);
    if (file != stdin) {
        fclose(file);
    }
    return code;
}
