/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What shards tell each other of holds: taken from a leader one parcel at a time, as
 * commands for the other shard's log. Whoever carries them may lose, repeat and delay them.
 *
 * Three sources: mail, which answers what was asked and is told once; the homes' outbox,
 * which is the records themselves (whatever share has not acknowledged the version), told
 * again and again; parts that ask. None of it is state: a new leader finds the outbox and
 * the parts in its rows.
 */
#include <stdlib.h>

#include "shard/base/mutant.h"
#include "shard/inventory/inventory_private.h"

enum {
    OUTBOX_MAIL_MAX = 65536, /* more are dropped: they are asked for again */
    OUTBOX_AGAIN_US = 200000,
    OUTBOX_AGAIN_SHIFT_MAX = 4, /* doubled so often */
    OUTBOX_ASK_UNDECIDED_MS = 4000,
    OUTBOX_ASK_EXPIRED_MS = 100,
    OUTBOX_ASK_AGAIN_MS = 1000,
};

static bool outbox_less(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF(a, const struct hold_home, outbox)->send_us <
           CONTAINER_OF(b, const struct hold_home, outbox)->send_us;
}

static bool ask_less(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF(a, const struct part_row, ask)->ask_ms <
           CONTAINER_OF(b, const struct part_row, ask)->ask_ms;
}

void hold_heaps_init(struct inventory *inventory)
{
    heap_init(&inventory->outbox, outbox_less);
    heap_init(&inventory->asks, ask_less);
    list_init(&inventory->mail);
}

/* --- What is to be told ------------------------------------------------------------------- */

/* At once, whatever was planned. */
void hold_outbox_put(struct inventory *inventory, struct hold_row *hold)
{
    struct hold_home *home = hold->home;
    heap_remove(&inventory->outbox, &home->outbox);
    home->send_us = 0;
    home->sends = 0;
    home->cursor = 0;
    heap_push(&inventory->outbox, &home->outbox);
}

void hold_outbox_drop(struct inventory *inventory, struct hold_row *hold)
{
    heap_remove(&inventory->outbox, &hold->home->outbox);
}

void hold_ask_plan(struct inventory *inventory, struct part_row *part)
{
    heap_remove(&inventory->asks, &part->ask);
    part->asked = 0;
    if (part->state == HOLD_STATE_COMMITTED) {
        return; /* it waits for nothing but what it will be told */
    }
    part->ask_ms = part->state == HOLD_STATE_TENTATIVE
                       ? part->create_ms + OUTBOX_ASK_UNDECIDED_MS
                       : level_clip((wide)part->expire_ms + OUTBOX_ASK_EXPIRED_MS);
    heap_push(&inventory->asks, &part->ask);
}

void hold_mail_put(struct inventory *inventory, enum inventory_command_kind kind,
                   uint64_t to_hash, const struct inventory_hold_message *message)
{
    size_t bytes = message->shortage_count * sizeof *message->shortages;
    struct hold_mail *mail;
    if (!inventory->leads || inventory->mail_count >= OUTBOX_MAIL_MAX) {
        return;
    }
    mail = memory_alloc(sizeof *mail + bytes);
    mail->kind = kind;
    mail->to_hash = to_hash;
    mail->message = *message;
    if (bytes > 0) {
        memcpy(mail + 1, message->shortages, bytes);
    }
    mail->message.shortages = (const struct inventory_shortage *)(const void *)(mail + 1);
    list_append(&inventory->mail, &mail->mail);
    inventory->mail_count++;
}

void hold_mail_clear(struct inventory *inventory)
{
    struct list *node;
    while ((node = list_pop(&inventory->mail)) != NULL) {
        free(LIST_ENTRY(node, struct hold_mail, mail));
    }
    inventory->mail_count = 0;
}

/* A new leader does not know what the one before it has told. */
void inventory_set_leads(struct inventory *inventory, bool leads)
{
    if (leads && !inventory->leads) {
        for (size_t i = 0; i < inventory->outbox.count; i++) {
            struct hold_home *home =
                CONTAINER_OF(inventory->outbox.nodes[i], struct hold_home, outbox);
            home->send_us = 0; /* all of them, so the heap stays in order */
            home->sends = 0;
            home->cursor = 0;
        }
    }
    inventory->leads = leads;
    if (!leads) {
        hold_mail_clear(inventory);
    }
}

/* --- Parcels -------------------------------------------------------------------------------- */

static void parcel_address(struct inventory_command *command,
                           enum inventory_command_kind kind, uint64_t hash)
{
    command->kind = kind;
    command->identity = (struct inventory_identity){.anchor = hash};
}

/* Where the lines of a part are, for its vote. */
static void parcel_places(const struct part_row *part, struct arena *arena,
                          struct inventory_hold_message *message)
{
    struct inventory_message_line *lines =
        arena_alloc(arena, (part->line_count + 1) * sizeof *lines);
    ASSERT(lines != NULL);
    for (uint32_t i = 0; i < part->line_count; i++) {
        lines[i] = (struct inventory_message_line){
            .place = part->lines[i].place,
            .location_id = part->lines[i].level->location->node.id,
            .quantity = part->lines[i].quantity};
    }
    message->lines = lines;
    message->line_count = part->line_count;
}

static bool parcel_mail(struct inventory *inventory, struct arena *arena,
                        struct inventory_command *out)
{
    struct list *node = list_pop(&inventory->mail);
    struct hold_mail *mail;
    const struct part_row *part;
    if (node == NULL) {
        return false;
    }
    inventory->mail_count--;
    mail = LIST_ENTRY(node, struct hold_mail, mail);
    parcel_address(out, mail->kind, mail->to_hash);
    out->hold_message = mail->message;
    out->hold_message.shortages = arena_copy(arena, mail->message.shortages,
                                             (mail->message.shortage_count + 1) *
                                                     sizeof(struct inventory_shortage) -
                                                 sizeof(struct inventory_shortage));
    part = mail->kind == INVENTORY_HOLD_VOTE
               ? state_part_find(inventory, mail->message.hold_id, mail->message.sku_hash)
               : NULL;
    if (part != NULL) {
        parcel_places(part, arena, &out->hold_message);
    }
    free(mail);
    return true;
}

static void parcel_prepare(const struct hold_row *hold, const struct hold_share *share,
                           struct arena *arena, struct inventory_hold_message *message)
{
    struct inventory_message_line *lines =
        arena_alloc(arena, (hold->line_count + 1) * sizeof *lines);
    ASSERT(lines != NULL);
    for (uint32_t i = share->first_line; i < hold->line_count; i++) {
        const struct hold_line_row *line = &hold->lines[i];
        if (line->remote && line->sku->node.hash == share->sku_hash) {
            lines[message->line_count++] = (struct inventory_message_line){
                .place = i, .location_id = line->location, .quantity = line->quantity};
        }
    }
    message->lines = lines;
    message->sku_id = hold->lines[share->first_line].sku->node.id;
    message->reference = hold->reference;
    message->allow_backorder = hold->allow_backorder;
    message->request_id = hold->home->ask.request_id;
    message->request_ms = hold->home->ask.request_ms;
    message->attempt = hold->home->ask.attempt;
}

static bool share_waits(const struct hold_row *hold, const struct hold_share *share)
{
    return hold->state == HOLD_STATE_TENTATIVE ? !share->voted
                                               : share->acked < hold->home->version;
}

/* The next share of the record that has to be told something; false: none is left. */
static bool parcel_of_home(struct hold_home *home, struct arena *arena,
                           struct inventory_command *out)
{
    const struct hold_row *hold = home->hold;
    while (home->cursor < home->share_count) {
        const struct hold_share *share = &home->shares[home->cursor++];
        bool prepares = hold->state == HOLD_STATE_TENTATIVE;
        if (!share_waits(hold, share)) {
            continue;
        }
        parcel_address(out, prepares ? INVENTORY_HOLD_PREPARE : INVENTORY_HOLD_STATE,
                       share->sku_hash);
        out->hold_message = (struct inventory_hold_message){
            .hold_id = hold->id,
            .sku_hash = share->sku_hash,
            .version = home->version,
            .state = hold->state,
            .expire_ms = hold->expire_ms,
            .fulfil = home->fulfilling,
        };
        if (prepares) {
            parcel_prepare(hold, share, arena, &out->hold_message);
        }
        return true;
    }
    return false;
}

static bool parcel_outbox(struct inventory *inventory, uint64_t now_us,
                          struct arena *arena, struct inventory_command *out)
{
    struct heap_node *node;
    while ((node = heap_peek(&inventory->outbox)) != NULL) {
        struct hold_home *home = CONTAINER_OF(node, struct hold_home, outbox);
        uint32_t shift;
        if (home->send_us > now_us) {
            return false;
        }
        if (parcel_of_home(home, arena, out)) {
            return true;
        }
        shift =
            home->sends < OUTBOX_AGAIN_SHIFT_MAX ? home->sends : OUTBOX_AGAIN_SHIFT_MAX;
        home->sends++;
        home->cursor = 0;
        home->send_us = now_us + ((uint64_t)OUTBOX_AGAIN_US << shift);
        heap_update(&inventory->outbox, node);
    }
    return false;
}

static bool parcel_question(struct inventory *inventory, int64_t bounded_ms,
                            struct inventory_command *out)
{
    struct heap_node *node = heap_peek(&inventory->asks);
    struct part_row *part;
    if (node == NULL) {
        return false;
    }
    part = CONTAINER_OF(node, struct part_row, ask);
    if (part->ask_ms > bounded_ms) {
        return false;
    }
    part->ask_ms = bounded_ms + ((int64_t)OUTBOX_ASK_AGAIN_MS << part->asked);
    part->asked += part->asked < OUTBOX_AGAIN_SHIFT_MAX;
    heap_update(&inventory->asks, node);
    parcel_address(out, INVENTORY_HOLD_QUESTION, part->id.anchor);
    out->hold_message = (struct inventory_hold_message){
        .hold_id = part->id, .sku_hash = part->sku->node.hash, .version = part->version};
    return true;
}

bool inventory_take_parcel(struct inventory *inventory,
                           const struct inventory_moment *now, struct arena *arena,
                           struct inventory_command *out_command)
{
    return inventory->leads &&
           (parcel_mail(inventory, arena, out_command) ||
            parcel_outbox(inventory, now->monotonic_us, arena, out_command) ||
            parcel_question(inventory, now->bounded_ms, out_command));
}

uint64_t inventory_parcel_due_us(const struct inventory *inventory,
                                 const struct inventory_moment *now)
{
    const struct heap_node *sent = heap_peek(&inventory->outbox);
    const struct heap_node *asked = heap_peek(&inventory->asks);
    uint64_t due_us = UINT64_MAX;
    if (!inventory->leads) {
        return due_us;
    }
    if (!list_empty(&inventory->mail)) {
        return now->monotonic_us;
    }
    if (sent != NULL) {
        due_us = CONTAINER_OF(sent, const struct hold_home, outbox)->send_us;
    }
    if (asked != NULL) {
        int64_t ask_ms = CONTAINER_OF(asked, const struct part_row, ask)->ask_ms;
        uint64_t ask_us = now->monotonic_us;
        if (ask_ms > now->bounded_ms) {
            ask_us += (uint64_t)(ask_ms - now->bounded_ms) * 1000;
        }
        due_us = ask_us < due_us ? ask_us : due_us;
    }
    return due_us;
}
