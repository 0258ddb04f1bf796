/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node/conductor.h"
#include "tests/lib/test.h"
#include "tests/unit/runtime/runtime_world.h"

enum {
    REFUSALS = 2,
};

/* Takes a directory at the third time, as a disk does that is full for a while. */
struct keeper {
    unsigned refused;
    uint64_t version; /* that it took */
    sem_t took;
};

static bool keeper_changed(void *context, const struct directory *directory)
{
    struct keeper *keeper = context;
    if (keeper->refused < REFUSALS) {
        keeper->refused++;
        return false;
    }
    keeper->version = directory->version;
    sem_post(&keeper->took);
    return true;
}

static void keeper_counted(void *context, const struct peers_counted *counted)
{
    (void)context;
    (void)counted;
}

static void begun(struct shard_call *call)
{
    sem_post(&CONTAINER_OF(call, struct runtime_call, call)->finished);
}

static void begin_cluster(struct runtime_world *world)
{
    static const struct directory_place place = {.shard_id = 1, .replica_id = 1};
    const struct directory_command command = {
        .kind = DIRECTORY_INIT,
        .node_id = 1,
        .peer_address = slice_from_string("127.0.0.1:1"),
        .client_address = slice_from_string("127.0.0.1:2"),
        .places = &place,
        .place_count = 1};
    static struct runtime_call call;
    runtime_call_init(world, &call);
    EXPECT_OK(command_encode_directory(&command, &call.arena, &call.command));
    shard_call_init_propose(&call.call, DIRECTORY_SHARD_ID, &call.command, 1,
                            &call.outcome);
    call.call.arena = &call.arena;
    call.call.done = begun;
    EXPECT_OK(runtime_submit(world->runtime, &call.call));
    runtime_call_wait(&call);
    EXPECT_OK(call.call.status);
    EXPECT_OK(call.outcome.status);
    runtime_call_close(&call);
}

TEST(conductor, a_directory_that_finds_no_room_is_offered_again)
{
    static struct runtime_world world;
    static struct keeper keeper;
    struct directory directory;
    directory_init(&directory);
    sem_init(&keeper.took, 0, 0);
    runtime_world_open(&world, 1, 1, 0);
    world.shards[world.shard_count++] =
        (struct runtime_shard){.shard_id = DIRECTORY_SHARD_ID,
                               .kind = REPLICA_DIRECTORY,
                               .replica_id = DIRECTORY_SHARD_ID,
                               .range_epoch = 1};
    runtime_world_start(&world);
    const struct conductor_options options = {.runtime = world.runtime,
                                              .node_id = 1,
                                              .directory = &directory,
                                              .changed = keeper_changed,
                                              .counted = keeper_counted,
                                              .context = &keeper};
    struct conductor *conductor = conductor_start(&options);
    begin_cluster(&world);
    while (sem_wait(&keeper.took) != 0) {
    }
    runtime_world_settle(&world, 0);
    EXPECT_EQ(keeper.refused, REFUSALS);
    EXPECT_EQ(keeper.version, 1);
    conductor_directory(conductor, &directory);
    EXPECT_EQ(directory.version, 1);
    runtime_world_stop(&world);
    conductor_free(conductor);
    runtime_world_close(&world);
    directory_close(&directory);
    sem_destroy(&keeper.took);
}
