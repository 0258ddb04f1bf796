/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is yet to happen in a simulated world: one heap keyed (time, sequence), so that
 * events of one moment happen in the order in which they were planned, and the same seed
 * makes the same history to the last byte.
 */
#ifndef SOUK_TESTS_SIM_EVENT_H
#define SOUK_TESTS_SIM_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME): what happens, and to whom (`target`). */
#define SIM_EVENT_TABLE(X)                                                               \
    X(PACKET)      /* arrives; data: the packet */                                       \
    X(NODE_TURN)   /* the node's loop looks around */                                    \
    X(NODE_LOG)    /* the log batch on its way is written and synced */                  \
    X(NODE_IDLE)   /* the log writer had nothing to do for a while */                    \
    X(NODE_STATE)  /* the state batch on its way is written */                           \
    X(NODE_FLUSH)  /* the store flushes its memory */                                    \
    X(NODE_BOOT)   /* the node starts */                                                 \
    X(NODE_AIM)    /* a fault that waited strikes */                                     \
    X(NODE_FLOW)   /* a stage of a recommendation ends; data: the flow */                \
    X(CLIENT)      /* a client's timer; epoch: which one */                              \
    X(FAULT_BEGIN) /* target: the place in the schedule */                               \
    X(FAULT_END)

enum sim_event_kind {
#define SIM_EVENT_ENUM(name) SIM_EVENT_##name,
    SIM_EVENT_TABLE(SIM_EVENT_ENUM)
#undef SIM_EVENT_ENUM
    SIM_EVENT_KINDS,
};

struct sim_event {
    uint64_t at_us;    /* virtual time */
    uint64_t sequence; /* the heap's */
    enum sim_event_kind kind;
    uint32_t target;
    uint64_t epoch; /* of the target: what was planned in an earlier life is void */
    void *data;
};

struct sim_heap {
    struct sim_event *events;
    size_t count;
    size_t capacity;
    uint64_t sequence;
};

void sim_heap_init(struct sim_heap *heap);
void sim_heap_close(struct sim_heap *heap);
/* `event.sequence` is set here. */
void sim_heap_push(struct sim_heap *heap, struct sim_event event);
/* False when nothing is left. */
bool sim_heap_pop(struct sim_heap *heap, struct sim_event *out_event);

#endif
