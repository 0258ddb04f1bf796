/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/client/fake_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

static void fake_free(struct world *world)
{
    (void)world;
}

void fake_world_free(struct fake_world *world)
{
    ASSERT(world->alarm_count == 0);
    free(world);
}

static struct moment fake_now(struct world *world)
{
    return CONTAINER_OF(world, struct fake_world, base)->now;
}

static void fake_refuse(struct fake_world *fake, enum status status,
                        const struct world_attempt *attempt)
{
    struct world_answer answer = {.status = {.status = status,
                                             .code = status_code(status),
                                             .message = "scripted",
                                             .reason = status_name(status),
                                             .retry_after_ms = fake->retry_after_ms},
                                  .unsent = fake->unsent};
    if (fake->detail.key != NULL) {
        answer.status.details = &fake->detail;
        answer.status.detail_count = 1;
    }
    if (fake->violation.field != NULL) {
        answer.status.violations = &fake->violation;
        answer.status.violation_count = 1;
    }
    attempt->done(attempt->user, &answer);
}

static void fake_unary(struct world *world, const struct world_attempt *attempt)
{
    struct fake_world *fake = CONTAINER_OF(world, struct fake_world, base);
    const Souk__V1__AdjustStockRequest *request = (const void *)attempt->request;
    struct fake_attempt *noted = &fake->attempts[fake->attempt_count];
    unsigned number = fake->attempt_count++;
    Souk__V1__AdjustStockResponse response;
    Souk__V1__StockLevel level;
    struct world_answer answer = {.replayed = fake->replayed, .response = &response.base};
    ASSERT(number < FAKE_ATTEMPTS_MAX);
    snprintf(noted->request_id, sizeof noted->request_id, "%s", request->request_id);
    noted->timeout_ms = attempt->timeout_ms;
    noted->channel = attempt->channel;
    noted->at_us = fake->now.monotonic_us;
    fake->now.monotonic_us += fake->took_us;
    if (number < fake->script_count && fake->script[number] != STATUS_OK) {
        fake_refuse(fake, fake->script[number], attempt);
        return;
    }
    souk__v1__adjust_stock_response__init(&response);
    souk__v1__stock_level__init(&level);
    level.sku_id = request->adjustment->sku_id;
    level.on_hand = 41;
    response.level = &level;
    attempt->done(attempt->user, &answer);
}

static void fake_alarm(struct world *world, uint64_t when_us, world_alarm *alarm,
                       void *user)
{
    struct fake_world *fake = CONTAINER_OF(world, struct fake_world, base);
    ASSERT(fake->alarm_count < FAKE_ALARMS_MAX);
    fake->alarms[fake->alarm_count].when_us = when_us;
    fake->alarms[fake->alarm_count].alarm = alarm;
    fake->alarms[fake->alarm_count].user = user;
    fake->alarm_count++;
}

void fake_world_run(struct fake_world *world)
{
    while (world->alarm_count > 0) {
        unsigned first = 0;
        world_alarm *alarm;
        void *user;
        for (unsigned i = 1; i < world->alarm_count; i++) {
            if (world->alarms[i].when_us < world->alarms[first].when_us) {
                first = i;
            }
        }
        alarm = world->alarms[first].alarm;
        user = world->alarms[first].user;
        if (world->now.monotonic_us < world->alarms[first].when_us) {
            world->now.monotonic_us = world->alarms[first].when_us;
        }
        world->alarms[first] = world->alarms[--world->alarm_count];
        alarm(user);
    }
}

static void fake_hurry(struct world *world)
{
    fake_world_run(CONTAINER_OF(world, struct fake_world, base));
}

static bool fake_is_callback_thread(struct world *world)
{
    (void)world;
    return false;
}

struct fake_world *fake_world_new(unsigned addresses)
{
    static const struct world_operations operations = {
        .free = fake_free,
        .now = fake_now,
        .unary = fake_unary,
        .alarm = fake_alarm,
        .hurry = fake_hurry,
        .is_callback_thread = fake_is_callback_thread,
    };
    struct fake_world *fake = memory_zalloc(sizeof *fake);
    fake->base.operations = &operations;
    fake->base.channel_count = addresses;
    fake->base.address_count = addresses;
    fake->now = (struct moment){.monotonic_us = 5000000, .wall_ms = 1764547200000};
    return fake;
}

struct souk_client *fake_client(struct fake_world *world, uint32_t attempts_max)
{
    return client_new(&world->base, 10000, attempts_max, 42);
}
