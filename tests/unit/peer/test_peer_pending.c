/* SPDX-License-Identifier: Apache-2.0 */
#include "server/peer/peer_pending.h"
#include "tests/lib/test.h"

TEST(peer_pending, an_answer_finds_its_call_once)
{
    struct peer_pending pending;
    struct shard_call calls[3];
    uint64_t ids[3];
    peer_pending_init(&pending);
    for (size_t i = 0; i < 3; i++) {
        ids[i] = peer_pending_add(&pending, &calls[i], 100);
    }
    EXPECT(ids[0] != ids[1] && ids[1] != ids[2]);
    EXPECT(peer_pending_take(&pending, ids[1]) == &calls[1]);
    EXPECT(peer_pending_take(&pending, ids[1]) == NULL);
    EXPECT(peer_pending_take(&pending, 99) == NULL);
    EXPECT(peer_pending_take(&pending, ids[0]) == &calls[0]);
    EXPECT(peer_pending_take(&pending, ids[2]) == &calls[2]);
    peer_pending_close(&pending);
}

TEST(peer_pending, late_calls_are_given_back_the_most_overdue_first)
{
    struct peer_pending pending;
    struct shard_call calls[3];
    peer_pending_init(&pending);
    (void)peer_pending_add(&pending, &calls[0], 300);
    uint64_t id = peer_pending_add(&pending, &calls[1], 100);
    (void)peer_pending_add(&pending, &calls[2], 200);
    EXPECT(peer_pending_take_late(&pending, 99) == NULL);
    EXPECT(peer_pending_take_late(&pending, 250) == &calls[1]);
    EXPECT(peer_pending_take_late(&pending, 250) == &calls[2]);
    EXPECT(peer_pending_take_late(&pending, 250) == NULL);
    EXPECT(peer_pending_take(&pending, id) == NULL); /* its answer comes too late */
    EXPECT(peer_pending_take_late(&pending, UINT64_MAX) == &calls[0]);
    peer_pending_close(&pending);
}
