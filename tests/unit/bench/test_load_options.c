/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/load_options.h"

#include <stdlib.h>

#include "tests/lib/test.h"

enum {
    WORDS_MAX = 24,
};

/* Splits at blanks, as a shell would; the options point into the words until the next call. */
static bool parse(const char *line, struct load_options *options)
{
    static char text[512];
    char *words[WORDS_MAX + 1] = {(char[]){"souk-load"}}, *rest = text;
    int count = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        if (*word != '\0') {
            EXPECT(count < WORDS_MAX);
            words[count++] = word;
        }
    }
    words[count] = NULL;
    return load_options_parse(count, words, options);
}

TEST(load_options, the_address_is_that_of_souk_unless_given)
{
    struct load_options options;
    EXPECT_EQ(setenv("SOUK_ADDRESS", "there:1", 1), 0);
    EXPECT(parse("", &options));
    EXPECT_STRING(options.address, "there:1");
    EXPECT(parse("--address here:2", &options));
    EXPECT_STRING(options.address, "here:2");
    EXPECT_EQ(unsetenv("SOUK_ADDRESS"), 0);
}

TEST(load_options, the_defaults_are_a_closed_loop_of_reservations)
{
    struct load_options options;
    EXPECT_EQ(unsetenv("SOUK_ADDRESS"), 0);
    EXPECT(parse("", &options));
    EXPECT_STRING(options.address, "127.0.0.1:7400");
    EXPECT(options.rate < 0.0001 && options.clients == 64 && options.batch == 1);
    EXPECT(options.mix.weights[LOAD_RESERVE] == 1 && options.mix.total == 1);
    EXPECT(options.keys == 100000 && options.choice == KEY_CHOICE_UNIFORM);
}

TEST(load_options, every_option_arrives_at_its_place)
{
    struct load_options options;
    EXPECT(parse("--rate 1500.5 --arrivals even --clients 7 --seconds 2.5 --warmup 0 "
                 "--mix read=3,adjust --batch 50 --keys 10 --choice zipf --theta 0.5",
                 &options));
    EXPECT(options.rate > 1500.4 && options.rate < 1500.6);
    EXPECT(options.arrivals == SCHEDULE_EVEN && options.clients == 7);
    EXPECT(options.seconds > 2.4 && options.warmup_s < 0.01 && options.batch == 50);
    EXPECT(options.mix.weights[LOAD_READ] == 3 && options.mix.weights[LOAD_RESERVE] == 0);
    EXPECT(options.keys == 10 && options.choice == KEY_CHOICE_ZIPF);
    EXPECT(options.theta > 0.49 && options.theta < 0.51);
    EXPECT(parse("--channels 2 --workers 3 --events 9 --ttl-ms 1000 --deadline-ms 20 "
                 "--seed 5 --server 11 --server 12 --setup --location here",
                 &options));
    EXPECT(options.channels == 2 && options.workers == 3 && options.events == 9);
    EXPECT(options.ttl_ms == 1000 && options.deadline_ms == 20 && options.seed == 5);
    EXPECT(options.server_count == 2 && options.servers[1] == 12 && options.setup);
    EXPECT_STRING(options.location, "here");
    EXPECT(parse("--sessions s --placement also-bought --count 5", &options));
    EXPECT(options.count == 5);
    EXPECT_STRING(options.sessions, "s");
    EXPECT_STRING(options.placement, "also-bought");
}

TEST(load_options, what_makes_no_sense_is_refused)
{
    static const char *const refused[] = {
        "--rate 0",       "--rate -1",  "--rate nan",    "--rate 1x",   "--clients 0",
        "--batch 1001",   "--theta 1",  "--mix sell",    "--keys 0",    "--choice best",
        "--seconds inf",  "--server 0", "--server none", "--unknown 1", "stray",
        "--arrivals odd", "--count 0",  "--count 501"};
    FILE *quiet = freopen("/dev/null", "w", stderr);
    EXPECT(quiet != NULL);
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct load_options options = {.clients = 42};
        if (parse(refused[i], &options) || options.clients != 42) {
            test_fail(__FILE__, __LINE__, "'%s' was taken", refused[i]);
        }
    }
}
