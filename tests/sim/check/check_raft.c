/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agreement of replicas, and the safety of Raft (Ongaro, "Consensus", 2014, figure 3.2).
 *
 * Right because each property is looked at as it is defined, on what replicas have made
 * durable or applied: two leaders of one term, two payloads at one (index, term), another
 * predecessor, another entry applied at an index, a new leader whose log lacks what was
 * committed before, a durable term that falls or a vote that changes in it. An entry
 * counts as committed once any replica has applied it.
 */
#include <stdlib.h>
#include <string.h>

#include "shard/base/memory.h"
#include "tests/sim/check/check_private.h"

struct raft_entry {
    uint64_t index, term;
    uint64_t previous_term, hash; /* once applied */
    uint64_t digest;
    bool applied, digested;
};

struct raft_shard {
    uint64_t shard;
    uint64_t committed; /* the highest index */
    struct raft_entry entries[CHECK_ENTRIES_MAX];
};

struct raft_stored {
    uint64_t index, term;
};

struct raft_replica {
    uint64_t shard, replica;
    uint64_t term, vote;
    uint64_t applied, committed;
    uint64_t last; /* durable */
    struct raft_stored stored[CHECK_STORED_MAX];
};

struct raft_pair {
    uint64_t hash, previous_term;
};

struct check_raft {
    struct check_report *report;
    struct raft_shard *shards[CHECK_SHARDS_MAX];
    uint32_t shard_count;
    struct raft_replica *replicas[CHECK_REPLICAS_MAX];
    uint32_t replica_count;
    struct check_facts pairs;   /* (shard and index, term) -> struct raft_pair */
    struct check_facts leaders; /* (shard, term) -> replica id */
};

struct check_raft *check_raft_new(struct check_report *report)
{
    struct check_raft *raft = memory_zalloc(sizeof *raft);
    raft->report = report;
    check_facts_init(&raft->pairs, sizeof(struct raft_pair), CHECK_PAIRS_MAX,
                     &report->forgotten);
    check_facts_init(&raft->leaders, sizeof(uint64_t), CHECK_PAIRS_MAX,
                     &report->forgotten);
    return raft;
}

void check_raft_free(struct check_raft *raft)
{
    for (uint32_t i = 0; i < raft->shard_count; i++) {
        free(raft->shards[i]);
    }
    for (uint32_t i = 0; i < raft->replica_count; i++) {
        free(raft->replicas[i]);
    }
    check_facts_close(&raft->pairs);
    check_facts_close(&raft->leaders);
    free(raft);
}

static struct raft_shard *raft_shard_get(struct check_raft *raft, uint64_t shard)
{
    for (uint32_t i = 0; i < raft->shard_count; i++) {
        if (raft->shards[i]->shard == shard) {
            return raft->shards[i];
        }
    }
    if (raft->shard_count == CHECK_SHARDS_MAX) {
        return NULL;
    }
    raft->shards[raft->shard_count] = memory_zalloc(sizeof(struct raft_shard));
    raft->shards[raft->shard_count]->shard = shard;
    return raft->shards[raft->shard_count++];
}

static struct raft_replica *raft_replica_get(struct check_raft *raft,
                                             const struct history_replica *seen)
{
    for (uint32_t i = 0; i < raft->replica_count; i++) {
        if (raft->replicas[i]->replica == seen->replica &&
            raft->replicas[i]->shard == seen->shard) {
            return raft->replicas[i];
        }
    }
    if (raft->replica_count == CHECK_REPLICAS_MAX) {
        return NULL;
    }
    raft->replicas[raft->replica_count] = memory_zalloc(sizeof(struct raft_replica));
    raft->replicas[raft->replica_count]->replica = seen->replica;
    raft->replicas[raft->replica_count]->shard = seen->shard;
    return raft->replicas[raft->replica_count++];
}

/* The shard's committed entry of an index; NULL when it is forgotten already. */
static struct raft_entry *raft_entry_at(struct check_raft *raft, struct raft_shard *shard,
                                        uint64_t index)
{
    struct raft_entry *entry = &shard->entries[index % CHECK_ENTRIES_MAX];
    if (entry->index > index) {
        raft->report->forgotten++;
        return NULL;
    }
    if (entry->index < index) {
        *entry = (struct raft_entry){.index = index};
    }
    return entry;
}

static void raft_term_committed(struct check_raft *raft, struct raft_shard *shard,
                                struct raft_entry *entry, uint64_t term, uint64_t replica)
{
    if (entry->term != 0 && entry->term != term) {
        check_fail(raft->report, CHECK_RAFT,
                   "shard %lu: index %lu is committed with term %lu, and on replica %lu "
                   "with term %lu",
                   shard->shard, entry->index, entry->term, replica, term);
    }
    entry->term = term;
    if (entry->index > shard->committed) {
        shard->committed = entry->index;
    }
}

static void raft_applied(struct check_raft *raft, struct raft_shard *shard,
                         struct raft_replica *replica, const struct history_replica *seen)
{
    struct raft_entry *entry;
    struct raft_entry *before;
    if (seen->index <= replica->applied) {
        check_fail(raft->report, CHECK_AGREEMENT,
                   "shard %lu: replica %lu applies index %lu after %lu", shard->shard,
                   seen->replica, seen->index, replica->applied);
    }
    replica->applied = seen->index;
    entry = raft_entry_at(raft, shard, seen->index);
    if (entry == NULL) {
        return;
    }
    if (entry->applied && (entry->hash != seen->hash || entry->term != seen->term)) {
        check_fail(raft->report, CHECK_AGREEMENT,
                   "shard %lu: replica %lu applies another entry at index %lu (term %lu, "
                   "not %lu)",
                   shard->shard, seen->replica, seen->index, seen->term, entry->term);
    } else {
        raft_term_committed(raft, shard, entry, seen->term, seen->replica);
    }
    entry->applied = true;
    entry->hash = seen->hash;
    before = &shard->entries[(seen->index - 1) % CHECK_ENTRIES_MAX];
    if (seen->index > 1 && before->index == seen->index - 1 &&
        (before->term > seen->term || (seen->previous_term != 0 && before->term != 0 &&
                                       before->term != seen->previous_term))) {
        check_fail(raft->report, CHECK_RAFT,
                   "shard %lu: index %lu of term %lu follows one of term %lu",
                   shard->shard, seen->index, seen->term, before->term);
    }
}

static void raft_stored(struct check_raft *raft, struct raft_replica *replica,
                        const struct history_replica *seen)
{
    bool is_new;
    struct raft_pair *pair = check_facts_put(
        &raft->pairs, hash_mix(seen->shard) + seen->index, seen->term, &is_new);
    if (is_new) {
        *pair = (struct raft_pair){seen->hash, seen->previous_term};
    } else if (pair->hash != seen->hash ||
               (pair->previous_term != 0 && seen->previous_term != 0 &&
                pair->previous_term != seen->previous_term)) {
        check_fail(raft->report, CHECK_RAFT,
                   "shard %lu: replica %lu has another entry at index %lu, term %lu (log "
                   "matching)",
                   seen->shard, seen->replica, seen->index, seen->term);
    }
    replica->stored[seen->index % CHECK_STORED_MAX] =
        (struct raft_stored){seen->index, seen->term};
    replica->last = seen->index; /* what was behind it is gone */
}

/* No more than that it never falls: a follower may know of a commit before its own disk
 * has the entry, so what its log holds there says nothing yet. */
static void raft_committed(struct check_raft *raft, struct raft_replica *replica,
                           const struct history_replica *seen)
{
    if (seen->index < replica->committed) {
        check_fail(raft->report, CHECK_RAFT,
                   "shard %lu: the commit index of replica %lu falls from %lu to %lu",
                   seen->shard, seen->replica, replica->committed, seen->index);
    }
    replica->committed = seen->index;
}

static void raft_leads(struct check_raft *raft, struct raft_shard *shard,
                       const struct raft_replica *replica,
                       const struct history_replica *seen)
{
    bool is_new;
    uint64_t *leader = check_facts_put(&raft->leaders, seen->shard, seen->term, &is_new);
    uint64_t low =
        shard->committed > CHECK_STORED_MAX ? shard->committed - CHECK_STORED_MAX + 1 : 1;
    if (!is_new && *leader != seen->replica) {
        check_fail(raft->report, CHECK_RAFT,
                   "shard %lu: replicas %lu and %lu both lead term %lu", seen->shard,
                   *leader, seen->replica, seen->term);
    }
    *leader = seen->replica;
    for (uint64_t i = shard->committed; i >= low; i--) {
        const struct raft_entry *entry = &shard->entries[i % CHECK_ENTRIES_MAX];
        const struct raft_stored *stored = &replica->stored[i % CHECK_STORED_MAX];
        if (entry->index != i || entry->term == 0 || entry->term >= seen->term) {
            continue;
        }
        if (i > seen->last_index ||
            (stored->index == i && i <= replica->last && stored->term != entry->term)) {
            check_fail(
                raft->report, CHECK_RAFT,
                "shard %lu: replica %lu leads term %lu without index %lu, committed "
                "in term %lu (leader completeness)",
                seen->shard, seen->replica, seen->term, i, entry->term);
            return;
        }
    }
}

static void raft_hard(struct check_raft *raft, struct raft_replica *replica,
                      const struct history_replica *seen)
{
    if (seen->term < replica->term) {
        check_fail(raft->report, CHECK_RAFT,
                   "shard %lu: the term of replica %lu falls from %lu to %lu",
                   seen->shard, seen->replica, replica->term, seen->term);
    }
    if (seen->term == replica->term && replica->vote != 0 &&
        seen->vote != replica->vote) {
        check_fail(raft->report, CHECK_RAFT,
                   "shard %lu: replica %lu votes for %lu and %lu in term %lu",
                   seen->shard, seen->replica, replica->vote, seen->vote, seen->term);
    }
    replica->term = seen->term;
    replica->vote = seen->vote;
}

static void raft_digest(struct check_raft *raft, struct raft_shard *shard,
                        const struct history_replica *seen)
{
    struct raft_entry *entry = raft_entry_at(raft, shard, seen->index);
    if (entry == NULL) {
        return;
    }
    if (entry->digested && entry->digest != seen->hash) {
        check_fail(raft->report, CHECK_AGREEMENT,
                   "shard %lu: replica %lu has another state at index %lu", seen->shard,
                   seen->replica, seen->index);
    }
    entry->digested = true;
    entry->digest = seen->hash;
}

void check_raft_event(struct check_raft *raft, const struct history_event *event)
{
    const struct history_replica *seen = &event->replica;
    struct raft_shard *shard = raft_shard_get(raft, seen->shard);
    struct raft_replica *replica = raft_replica_get(raft, seen);
    if (shard == NULL || replica == NULL) {
        raft->report->forgotten++;
        return;
    }
    if (event->type == HISTORY_ENTRY) {
        raft_applied(raft, shard, replica, seen);
    } else if (event->type == HISTORY_STORED) {
        raft_stored(raft, replica, seen);
    } else if (event->type == HISTORY_DIGEST) {
        raft_digest(raft, shard, seen);
    } else if (event->type == HISTORY_LEADER) {
        raft_leads(raft, shard, replica, seen);
    } else if (event->type == HISTORY_HARD) {
        raft_hard(raft, replica, seen);
    } else if (event->type == HISTORY_COMMIT) {
        raft_committed(raft, replica, seen);
    } else if (event->type == HISTORY_CRASH) {
        replica->applied = 0; /* it goes on from what its store kept */
        replica->committed = 0;
    }
}
