/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/log.h"

#include <unistd.h>

#include "shard/base/rng.h"
#include "tests/lib/test.h"

static char line[LOG_LINE_BYTES_MAX + 1];

static const char *formatted(enum log_format format, size_t size,
                             const struct log_field *fields, size_t count)
{
    const struct log_head head = {
        .format = format, .level = LOG_WARN, .wall_ms = 17, .message = "slow"};
    size_t used = log_format_line(line, size, &head, fields, count);
    EXPECT(used <= size);
    line[used] = '\0';
    return line;
}

/* Just enough of RFC 8259 to say whether a line is one flat JSON object. */
static const char *json_string(const char *at)
{
    if (*at++ != '"') {
        return NULL;
    }
    while (*at != '"') {
        if ((unsigned char)*at < 0x20) {
            return NULL; /* the end of the line, too */
        }
        at += *at == '\\' ? 2 : 1;
    }
    return at + 1;
}

static bool json_flat(const char *at)
{
    if (*at != '{') {
        return false;
    }
    do {
        at = json_string(at + 1);
        if (at == NULL || *at++ != ':') {
            return false;
        }
        if (*at == '"') {
            at = json_string(at);
        } else {
            at += strspn(at, "-0123456789truefalse");
        }
    } while (at != NULL && *at == ',');
    return at != NULL && strcmp(at, "}") == 0;
}

TEST(log, a_line_reads_like_this)
{
    const struct log_field fields[] = {LOG_STRING("dir", "a b"), LOG_U64("took_ms", 12),
                                       LOG_I64("change", -3), LOG_STATUS(STATUS_IO)};
    EXPECT_STRING(formatted(LOG_FORMAT_LOGFMT, LOG_LINE_BYTES_MAX, fields, 4),
                  "ts_ms=17 level=\"warn\" msg=\"slow\" dir=\"a b\" took_ms=12 change=-3 "
                  "status=\"IO\"");
    EXPECT_STRING(formatted(LOG_FORMAT_JSON, LOG_LINE_BYTES_MAX, fields, 4),
                  "{\"ts_ms\":17,\"level\":\"warn\",\"msg\":\"slow\",\"dir\":\"a b\","
                  "\"took_ms\":12,\"change\":-3,\"status\":\"IO\"}");
}

TEST(log, a_client_cannot_forge_a_line_or_a_field)
{
    const struct log_field fields[] = {
        LOG_STRING("sku", "a\r\nlevel=error msg=\"forged\" \\\t\177")};
    const char *safe = "sku=\"a\\u000d\\u000alevel=error msg=\\\"forged\\\" "
                       "\\\\\\u0009\\u007f\"";
    EXPECT(strstr(formatted(LOG_FORMAT_LOGFMT, LOG_LINE_BYTES_MAX, fields, 1), safe));
}

TEST(log, line_ends_of_unicode_are_escaped_and_letters_are_not)
{
    const struct log_field fields[] = {LOG_STRING("name", "Z\xc3\xbcrich\xe2\x80\xa8"
                                                          "a\xc2\x85"
                                                          "b \xf0\x9f\x9b\x92")};
    EXPECT(strstr(formatted(LOG_FORMAT_JSON, LOG_LINE_BYTES_MAX, fields, 1),
                  "\"name\":\"Z\xc3\xbcrich\\u2028a\\u0085b \xf0\x9f\x9b\x92\"}"));
}

TEST(log, bytes_that_are_no_utf8_become_the_replacement_character)
{
    /* Alone, overlong, a surrogate, past the last plane, cut short. */
    static const char *const broken[] = {"\x80", "\xc0\xaf", "\xed\xa0\x80",
                                         "\xf4\x90\x80\x80", "\xe2\x82"};
    for (unsigned i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        const struct log_field fields[] = {LOG_STRING("k", broken[i])};
        const char *text = formatted(LOG_FORMAT_JSON, LOG_LINE_BYTES_MAX, fields, 1);
        EXPECT(strstr(text, "\"k\":\"\\ufffd") != NULL);
        for (; *text != '\0'; text++) {
            EXPECT((unsigned char)*text < 0x80);
        }
    }
}

TEST(log, a_long_value_is_cut_and_marked)
{
    char text[3 * LOG_LINE_BYTES_MAX];
    const struct log_field fields[] = {LOG_SLICE("text", slice_of(text, sizeof text)),
                                       LOG_U64("lost", 1)};
    memset(text, 'x', sizeof text);
    formatted(LOG_FORMAT_LOGFMT, LOG_LINE_BYTES_MAX, fields, 2);
    EXPECT(strstr(line, "xxx...\" cut=true") != NULL && strstr(line, "lost") == NULL);
    formatted(LOG_FORMAT_JSON, LOG_LINE_BYTES_MAX, fields, 2);
    EXPECT(strstr(line, "xxx...\",\"cut\":true}") != NULL);
}

TEST(log, a_line_cut_anywhere_is_still_one_json_object)
{
    const struct log_field fields[] = {
        LOG_STRING("sku", "a\n\"b\\\xc3\xa9"), LOG_I64("change", INT64_MIN),
        LOG_U64("total", UINT64_MAX), LOG_STRING("owner", "\x01\x02\x03")};
    size_t whole = strlen(formatted(LOG_FORMAT_JSON, LOG_LINE_BYTES_MAX, fields, 4));
    for (size_t size = LOG_LINE_BYTES_MIN; size < whole + 64; size++) {
        if (!json_flat(formatted(LOG_FORMAT_JSON, size, fields, 4))) {
            test_fail(__FILE__, __LINE__, "cut to %zu bytes: %s", size, line);
        }
        formatted(LOG_FORMAT_LOGFMT, size, fields, 4);
        EXPECT(strchr(line, '\n') == NULL);
    }
}

TEST(log, random_bytes_never_break_a_line)
{
    struct rng rng;
    rng_init(&rng, 7);
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t bytes[40];
        size_t size = rng_below(&rng, sizeof bytes + 1);
        size_t room = LOG_LINE_BYTES_MIN + rng_below(&rng, 200);
        const struct log_field fields[] = {LOG_SLICE("a", slice_of(bytes, size)),
                                           LOG_SLICE("b", slice_of(bytes, size / 2))};
        for (size_t at = 0; at < size; at++) {
            bytes[at] = (uint8_t)rng_next(&rng);
        }
        if (!json_flat(formatted(LOG_FORMAT_JSON, room, fields, 2))) {
            test_fail(__FILE__, __LINE__, "step %u: %s", i, line);
        }
    }
}

TEST(log, what_is_below_the_level_is_not_written)
{
    int ends[2];
    char got[LOG_LINE_BYTES_MAX];
    ssize_t size;
    EXPECT_EQ(pipe(ends), 0);
    log_setup(&(struct log_options){.fd = ends[1], .level = LOG_WARN});
    EXPECT(!log_enabled(LOG_INFO) && log_enabled(LOG_ERROR));
    log_event(LOG_INFO, "unseen", LOG_U64("n", 1));
    log_event(LOG_ERROR, "seen", LOG_U64("n", 2));
    size = read(ends[0], got, sizeof got - 1);
    EXPECT(size > 0);
    got[size] = '\0';
    EXPECT_STRING(got, "level=\"error\" msg=\"seen\" n=2\n");
    log_setup(&(struct log_options){.fd = 2, .level = LOG_INFO});
    close(ends[0]);
    close(ends[1]);
}
