/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agreement of replicas, and the safety of Raft (Ongaro, "Consensus", 2014, figure 3.2).
 *
 * Right because each property is looked at as it is defined, on what replicas have made
 * durable or applied: two leaders of one term, two payloads at one (index, term), another
 * predecessor, another entry applied at an index, a new leader whose log lacks what was
 * committed before, a durable term that falls, a vote that changes in it or is told to
 * two. An entry counts as committed once any replica has applied it. Members come from the
 * log (thesis, 4.1): who has applied the entry that made a version cannot have an older one.
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

/* Everybody who has applied `index` knows this version of the members, or a later one. */
struct raft_version {
    uint64_t version, index, hash;
};

enum {
    VERSIONS_MAX = 64, /* the newest of a shard */
};

struct raft_shard {
    uint64_t shard;
    struct raft_version versions[VERSIONS_MAX]; /* ascending, a ring */
    uint64_t version_count;
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
    uint64_t reached; /* its entries through here are known as committed */
    uint64_t last;    /* durable; what lies behind is not in `stored` */
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
    struct check_facts votes;   /* (shard and replica, term) -> replica id */
};

struct check_raft *check_raft_new(struct check_report *report)
{
    struct check_raft *raft = memory_zalloc(sizeof *raft);
    raft->report = report;
    check_facts_init(&raft->pairs, sizeof(struct raft_pair), CHECK_PAIRS_MAX,
                     &report->forgotten);
    check_facts_init(&raft->leaders, sizeof(uint64_t), CHECK_PAIRS_MAX,
                     &report->forgotten);
    check_facts_init(&raft->votes, sizeof(uint64_t), CHECK_PAIRS_MAX, &report->forgotten);
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
    check_facts_close(&raft->votes);
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

/* The log ends before `index`, as far as is known. */
static void raft_cut(struct raft_replica *replica, uint64_t index)
{
    for (uint64_t i = index; i <= replica->last; i++) {
        if (replica->stored[i % CHECK_STORED_MAX].index == i) {
            replica->stored[i % CHECK_STORED_MAX] = (struct raft_stored){0};
        }
    }
    replica->last = replica->last < index ? replica->last : index - 1;
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
    raft_cut(replica, seen->index); /* what was behind it is gone */
    replica->stored[seen->index % CHECK_STORED_MAX] =
        (struct raft_stored){seen->index, seen->term};
    replica->last = seen->index;
}

/* The state came from elsewhere: what the log had says nothing any more. */
static void raft_reset(struct raft_replica *replica, const struct history_replica *seen)
{
    raft_cut(replica, 1);
    replica->last = seen->index;
}

/* What a replica has applied and what its log holds is committed. */
static void raft_reached(struct check_raft *raft, struct raft_shard *shard,
                         struct raft_replica *replica, const struct history_replica *seen)
{
    uint64_t from = replica->reached + 1;
    uint64_t low =
        seen->index > CHECK_STORED_MAX ? seen->index - CHECK_STORED_MAX + 1 : 1;
    for (uint64_t i = from > low ? from : low; i <= seen->index; i++) {
        const struct raft_stored *stored = &replica->stored[i % CHECK_STORED_MAX];
        struct raft_entry *entry =
            stored->index == i ? raft_entry_at(raft, shard, i) : NULL;
        if (entry != NULL) {
            raft_term_committed(raft, shard, entry, stored->term, seen->replica);
        }
    }
    replica->reached = seen->index > replica->reached ? seen->index : replica->reached;
}

static void raft_voted(struct check_raft *raft, const struct history_replica *seen)
{
    bool is_new;
    uint64_t *vote = check_facts_put(&raft->votes, hash_mix(seen->shard) + seen->replica,
                                     seen->term, &is_new);
    if (!is_new && *vote != seen->vote) {
        check_fail(raft->report, CHECK_RAFT,
                   "shard %lu: replica %lu tells %lu and %lu that it votes for them in "
                   "term %lu",
                   seen->shard, seen->replica, *vote, seen->vote, seen->term);
    }
    *vote = seen->vote;
}

static void raft_members_learn(struct check_raft *raft, struct raft_shard *shard,
                               const struct history_replica *seen)
{
    struct raft_version *newest =
        &shard->versions[(shard->version_count - 1) % VERSIONS_MAX];
    if (shard->version_count == 0 || seen->version > newest->version) {
        shard->versions[shard->version_count++ % VERSIONS_MAX] =
            (struct raft_version){seen->version, seen->index, seen->hash};
    } else if (seen->version == newest->version) {
        newest->index = seen->index < newest->index ? seen->index : newest->index;
        if (seen->hash != newest->hash) {
            check_fail(raft->report, CHECK_AGREEMENT,
                       "shard %lu: replica %lu has other members of version %lu",
                       seen->shard, seen->replica, seen->version);
        }
    }
}

/* The newest members in a log are at least those of the state; and when everything in it
 * is applied, they are those of the state. */
static void raft_members(struct check_raft *raft, struct raft_shard *shard,
                         const struct history_replica *seen)
{
    for (uint64_t i = shard->version_count; i > 0; i--) {
        const struct raft_version *known = &shard->versions[(i - 1) % VERSIONS_MAX];
        if (i + VERSIONS_MAX <= shard->version_count || known->version <= seen->version) {
            break;
        }
        if (known->index <= seen->index) {
            check_fail(raft->report, CHECK_AGREEMENT,
                       "shard %lu: replica %lu has applied index %lu with members of "
                       "version %lu; at index %lu they were of version %lu",
                       seen->shard, seen->replica, seen->index, seen->version,
                       known->index, known->version);
            return;
        }
    }
    if (seen->index == seen->last_index) {
        raft_members_learn(raft, shard, seen);
    }
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
        if (i > seen->last_index || (stored->index == i && stored->term != entry->term)) {
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
    } else if (event->type == HISTORY_APPLIED) {
        raft_reached(raft, shard, replica, seen);
    } else if (event->type == HISTORY_RESET) {
        raft_reset(replica, seen);
    } else if (event->type == HISTORY_DOUBT) {
        raft_cut(replica, seen->index);
    } else if (event->type == HISTORY_VOTE) {
        raft_voted(raft, seen);
    } else if (event->type == HISTORY_MEMBERS) {
        raft_members(raft, shard, seen);
    } else if (event->type == HISTORY_BROKEN) {
        check_fail(raft->report, CHECK_RESTART,
                   "replicas of node %u do not start again: what was durable is damaged",
                   seen->node);
    } else if (event->type == HISTORY_CRASH) {
        replica->applied = 0; /* it goes on from what its store kept */
        replica->committed = 0;
    }
}
