/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soukd, a node of a Souk store: reads its settings, starts, waits for a signal, stops in
 * order. Exit codes: 0 after SIGTERM or SIGINT, 1 could not start, 2 usage.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/node/config.h"
#include "server/node/node.h"
#include "shard/base/log.h"
#include "shard/base/mutant.h"

enum {
    MAIN_EXIT_FAILED = 1,
    MAIN_EXIT_USAGE = 2,
};

static void main_print(const struct buffer *text)
{
    if (text->size > 0) {
        fwrite(text->data, 1, text->size, stdout);
    }
}

/* Prints what was asked for and says whether that was all. */
static bool main_only_prints(const struct settings *settings,
                             const struct config_flags *flags)
{
    struct buffer text;
    buffer_init(&text);
    if (flags->help) {
        config_print_help(&text);
    } else if (flags->version) {
        printf("soukd %s\n", node_version());
    } else if (flags->print_config) {
        config_print(settings, &text);
    }
    main_print(&text);
    buffer_close(&text);
    return flags->help || flags->version || flags->print_config;
}

#ifdef SOUK_MUTANTS
static bool main_pick_mutant(void)
{
    const char *name = getenv("SOUK_MUTANT");
    if (name == NULL || name[0] == '\0') {
        return true;
    }
    if (!mutant_pick(name)) {
        fprintf(stderr, "soukd: there is no planted fault '%s'\n", name);
        return false;
    }
    log_event(LOG_WARN, "a fault is planted in this build", LOG_STRING("fault", name));
    return true;
}
#endif

/* Signals are waited for, never handled: blocked before the first thread starts. */
static void main_block_signals(sigset_t *out_set)
{
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(out_set);
    sigaddset(out_set, SIGTERM);
    sigaddset(out_set, SIGINT);
    pthread_sigmask(SIG_BLOCK, out_set, NULL);
}

/* While the node stops: a second signal ends the process at once. */
static void *main_watch(void *argument)
{
    int number = 0;
    sigwait(argument, &number);
    fprintf(stderr, "soukd: stopped at once, on a second signal\n");
    _exit(MAIN_EXIT_FAILED);
}

static int main_serve(const struct settings *settings)
{
    struct node *node = NULL;
    struct problem problem;
    sigset_t signals;
    pthread_t watcher;
    int number = 0;
    main_block_signals(&signals);
    if (node_start(settings, &problem, &node) != STATUS_OK) {
        fprintf(stderr, "soukd: cannot start: %s\n", problem.message);
        return MAIN_EXIT_FAILED;
    }
    sigwait(&signals, &number);
    log_event(LOG_INFO, "stopping", LOG_STRING("signal", strsignal(number)));
    if (pthread_create(&watcher, NULL, main_watch, &signals) == 0) {
        pthread_detach(watcher);
    }
    node_stop(node);
    log_event(LOG_INFO, "stopped", LOG_U64("pid", (uint64_t)getpid()));
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct config_flags flags;
    struct config_error error;
    settings_init(&settings);
    if (config_read_flags(&settings, argc, argv, &flags, &error) != STATUS_OK) {
        fprintf(stderr, "soukd: %s\n", error.text);
        return MAIN_EXIT_USAGE;
    }
    if (main_only_prints(&settings, &flags)) {
        return EXIT_SUCCESS;
    }
    node_setup_log(&settings);
#ifdef SOUK_MUTANTS
    if (!main_pick_mutant()) {
        return MAIN_EXIT_USAGE;
    }
#endif
    return main_serve(&settings);
}
