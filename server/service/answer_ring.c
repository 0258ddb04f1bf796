/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/answer_ring.h"

#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

enum {
    ANSWER_LOOP_BITS = 6,
    ANSWER_PLACE_BITS = 26, /* of the sequence number */
};
_Static_assert(1 << ANSWER_LOOP_BITS == ANSWER_LOOPS_MAX, "a loop fits");
_Static_assert(1 << ANSWER_PLACE_BITS >= ANSWER_RING_MAX, "a place fits");

/* --- Ids --------------------------------------------------------------------------- */

/* The last four bytes of an id, hidden: nobody without the key sees a counter. */
static uint32_t answer_id_place(const struct answer_id *id, uint64_t key)
{
    uint64_t mask = hash_mix(hash_mix(id->high ^ key) ^ (id->low >> 32));
    return (uint32_t)id->low ^ (uint32_t)mask;
}

unsigned answer_id_loop(const struct answer_id *id, uint64_t key)
{
    return answer_id_place(id, key) & (ANSWER_LOOPS_MAX - 1);
}

static bool answer_id_dash(unsigned digit)
{
    return digit == 8 || digit == 12 || digit == 16 || digit == 20;
}

void answer_id_format(const struct answer_id *id, char out_text[UUID_TEXT_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    char *out = out_text;
    for (unsigned i = 0; i < 32; i++) {
        uint64_t half = i < 16 ? id->high : id->low;
        if (answer_id_dash(i)) {
            *out++ = '-';
        }
        *out++ = digits[half >> (60 - i % 16 * 4) & 15];
    }
    *out = '\0';
}

static int answer_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

bool answer_id_parse(struct slice text, struct answer_id *out_id)
{
    uint64_t halves[2] = {0, 0};
    size_t at = 0;
    if (text.size != UUID_TEXT_BYTES) {
        return false;
    }
    for (unsigned i = 0; i < 32; i++) {
        int digit;
        if (answer_id_dash(i) && text.data[at++] != '-') {
            return false;
        }
        digit = answer_digit(text.data[at++]);
        if (digit < 0) {
            return false;
        }
        halves[i / 16] = halves[i / 16] << 4 | (unsigned)digit;
    }
    *out_id = (struct answer_id){halves[0], halves[1]};
    return true;
}

struct answer_id answer_ring_name(const struct answer_ring *ring, struct rng *rng,
                                  int64_t wall_ms)
{
    uint64_t chance = rng_next(rng);
    uint32_t place = (uint32_t)ring->next << ANSWER_LOOP_BITS | ring->options.loop;
    struct answer_id id = {.high = (uint64_t)wall_ms << 16 | 0x7000 | (chance & 0xfff),
                           .low = UINT64_C(1) << 63 | (chance >> 34) << 32};
    id.low |=
        answer_id_place(&(struct answer_id){id.high, id.low | place}, ring->options.key);
    return id;
}

/* --- The ring ---------------------------------------------------------------------- */

void answer_ring_init(struct answer_ring *ring, const struct answer_ring_options *options)
{
    *ring = (struct answer_ring){.options = *options};
    ASSERT(options->loop < ANSWER_LOOPS_MAX && options->answers_max <= ANSWER_RING_MAX);
    if (options->answers_max == 0) {
        return;
    }
    ring->capacity = 1;
    while (ring->capacity < options->answers_max) {
        ring->capacity *= 2;
    }
    ring->slots = memory_zalloc(ring->capacity * sizeof *ring->slots);
}

static struct answer_slot *answer_ring_slot(const struct answer_ring *ring,
                                            uint64_t sequence)
{
    return &ring->slots[sequence & (ring->capacity - 1)];
}

static void answer_ring_clear(struct answer_ring *ring, struct answer_slot *slot)
{
    if (slot->head != NULL) {
        ring->bytes -= slot->head->bytes;
        free(slot->head);
    }
    *slot = (struct answer_slot){NULL};
}

void answer_ring_close(struct answer_ring *ring)
{
    for (; ring->oldest < ring->next; ring->oldest++) {
        answer_ring_clear(ring, answer_ring_slot(ring, ring->oldest));
    }
    free(ring->slots);
    ring->slots = NULL;
}

/* Whether an answer's actor was forgotten while it was being worked on. */
static bool answer_ring_unwanted(const struct answer_ring *ring,
                                 const struct answer_head *head)
{
    uint64_t count = ring->forgotten_count < ANSWER_FORGOTTEN_MAX ? ring->forgotten_count
                                                                  : ANSWER_FORGOTTEN_MAX;
    if (!head->has_actor || ring->forgotten_count == 0) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (ring->forgotten[i].actor.high == head->actor.high &&
            ring->forgotten[i].actor.low == head->actor.low &&
            ring->forgotten[i].at_us >= head->start_us) {
            return true;
        }
    }
    return ring->forgotten_count > ANSWER_FORGOTTEN_MAX &&
           ring->forgotten_us >= head->start_us;
}

bool answer_ring_keeps(const struct answer_ring *ring)
{
    return ring->capacity > 0;
}

void answer_ring_put(struct answer_ring *ring, struct answer_head *head)
{
    struct answer_slot *slot;
    if (ring->capacity == 0 || head->bytes > ring->options.bytes_max ||
        answer_ring_unwanted(ring, head)) {
        free(head);
        return;
    }
    while (ring->oldest < ring->next &&
           (ring->next - ring->oldest >= ring->options.answers_max ||
            ring->bytes + head->bytes > ring->options.bytes_max)) {
        answer_ring_clear(ring, answer_ring_slot(ring, ring->oldest++));
    }
    slot = answer_ring_slot(ring, ring->next++);
    *slot = (struct answer_slot){head, head->actor, head->has_actor};
    ring->bytes += head->bytes;
}

const struct answer_head *answer_ring_find(const struct answer_ring *ring,
                                           const struct answer_id *id)
{
    const struct answer_head *head;
    if (ring->capacity == 0) {
        return NULL;
    }
    head =
        answer_ring_slot(ring, answer_id_place(id, ring->options.key) >> ANSWER_LOOP_BITS)
            ->head;
    return head != NULL && head->id.high == id->high && head->id.low == id->low ? head
                                                                                : NULL;
}

void answer_ring_forget(struct answer_ring *ring, struct hash128 actor, uint64_t now_us)
{
    uint64_t place = ring->forgotten_count++ % ANSWER_FORGOTTEN_MAX;
    if (ring->forgotten_count > ANSWER_FORGOTTEN_MAX) {
        ring->forgotten_us = ring->forgotten[place].at_us;
    }
    ring->forgotten[place].actor = actor;
    ring->forgotten[place].at_us = now_us;
    for (uint64_t i = ring->oldest; i < ring->next; i++) {
        struct answer_slot *slot = answer_ring_slot(ring, i);
        if (slot->has_actor && slot->actor.high == actor.high &&
            slot->actor.low == actor.low) {
            answer_ring_clear(ring, slot);
        }
    }
}

const struct answer_head *answer_ring_oldest(const struct answer_ring *ring)
{
    for (uint64_t i = ring->oldest; i < ring->next; i++) {
        const struct answer_head *head = answer_ring_slot(ring, i)->head;
        if (head != NULL) {
            return head;
        }
    }
    return NULL;
}
