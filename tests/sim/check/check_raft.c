/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agreement of replicas, and the safety of Raft (Ongaro, "Consensus", 2014, figure 3.2).
 *
 * Right because each property is looked at as it is defined, on what replicas have made
 * durable or applied: two leaders of one term, two payloads at one (index, term), another
 * predecessor, another entry applied at an index, a new leader whose log lacks what was
 * committed before, a durable term that falls, a vote that changes in it or is told to
 * two. An entry counts as committed once any replica has applied it, or a leader said so of
 * one of its own term. Members come from the log (thesis, 4.1): who has applied the entry
 * that made a version cannot have an older one; they differ from those before them in one
 * voter at most; whoever leads has the durable votes of most voters in its own log; and what
 * a leader says is committed lies in the durable logs of most of them.
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

struct raft_voters {
    uint64_t version; /* 0: not known */
    uint64_t index;   /* of the entry, where they are a log's */
    uint64_t voters[HISTORY_VOTERS_MAX];
    uint32_t count;
};

enum {
    RAFT_VOTES_KEPT = 16, /* durable votes of a replica, in its newest terms */
};

struct raft_replica {
    uint64_t shard, replica;
    uint64_t term, vote;
    uint64_t applied, committed;
    uint64_t reached; /* its entries through here are known as committed */
    uint64_t covered; /* a state that came from elsewhere stands in for its log so far */
    uint64_t last;    /* durable; what lies behind is not in `stored` */
    struct raft_stored votes[RAFT_VOTES_KEPT]; /* for replica `index`, in `term` */
    struct raft_voters members;                /* the newest in its log, if it was told */
    struct raft_voters led_by;                 /* those its last COMMIT was told with */
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

/* --- Members --------------------------------------------------------------------------- */

static struct raft_voters raft_told_voters(const struct history_replica *seen)
{
    struct raft_voters told = {.version = seen->version, .index = seen->index};
    told.count = seen->voter_count < HISTORY_VOTERS_MAX ? seen->voter_count
                                                        : (uint32_t)HISTORY_VOTERS_MAX;
    memcpy(told.voters, seen->voters, sizeof told.voters);
    return told;
}

static bool raft_votes_in(const struct raft_voters *members, uint64_t replica)
{
    for (uint32_t i = 0; i < members->count; i++) {
        if (members->voters[i] == replica) {
            return true;
        }
    }
    return false;
}

/* How many vote in one of them and not in the other. */
static uint32_t raft_voters_differ(const struct raft_voters *a,
                                   const struct raft_voters *b)
{
    uint32_t differ = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        differ += !raft_votes_in(b, a->voters[i]);
    }
    for (uint32_t i = 0; i < b->count; i++) {
        differ += !raft_votes_in(a, b->voters[i]);
    }
    return differ;
}

/* Members that a log holds now; what stood behind the entry is gone. */
static void raft_members_stored(struct check_raft *raft, struct raft_replica *replica,
                                const struct history_replica *seen)
{
    struct raft_voters *before = &replica->members;
    if (seen->voter_count == 0) {
        return;
    }
    struct raft_voters told = raft_told_voters(seen);
    if (before->version != 0 &&
        (told.version <= before->version || (told.version == before->version + 1 &&
                                             raft_voters_differ(before, &told) > 1))) {
        check_fail(raft->report, CHECK_RAFT,
                   "shard %lu: replica %lu stores members v%lu behind v%lu, %u voters "
                   "differ",
                   seen->shard, seen->replica, told.version, before->version,
                   raft_voters_differ(before, &told));
    }
    *before = told;
}

static uint32_t raft_count_votes(struct check_raft *raft,
                                 const struct raft_voters *members,
                                 const struct history_replica *leader)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < raft->replica_count; i++) {
        const struct raft_replica *voter = raft->replicas[i];
        const struct raft_stored *vote = &voter->votes[leader->term % RAFT_VOTES_KEPT];
        count += voter->shard == leader->shard &&
                 raft_votes_in(members, voter->replica) && vote->term == leader->term &&
                 vote->index == leader->replica;
    }
    return count;
}

/* The only voter since its shard began needs nobody's word, nor its disk's. */
static void raft_elected(struct check_raft *raft, struct raft_replica *replica,
                         const struct history_replica *seen)
{
    struct raft_voters members = raft_told_voters(seen);
    bool alone = members.count == 1 && members.voters[0] == seen->replica;
    if (replica->members.version == 0) {
        replica->members = members;
        replica->members.index = seen->last_index; /* there or before */
    }
    if (members.count == 0 || alone) {
        return;
    }
    uint32_t votes = raft_count_votes(raft, &members, seen);
    if (votes <= members.count / 2) {
        check_fail(raft->report, CHECK_RAFT,
                   "shard %lu: replica %lu leads term %lu by %u durable votes of %u "
                   "voters (members v%lu)",
                   seen->shard, seen->replica, seen->term, votes, members.count,
                   members.version);
    }
}

/* Durable logs of voters that hold the entry, or a state that covers it. */
static uint32_t raft_count_holders(const struct check_raft *raft,
                                   const struct raft_voters *members,
                                   const struct history_replica *seen)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < raft->replica_count; i++) {
        const struct raft_replica *voter = raft->replicas[i];
        const struct raft_stored *stored = &voter->stored[seen->index % CHECK_STORED_MAX];
        bool holds = voter->covered >= seen->index || voter->reached >= seen->index ||
                     (stored->index == seen->index && stored->term == seen->term &&
                      voter->last >= seen->index);
        count += holds && voter->shard == seen->shard &&
                 raft_votes_in(members, voter->replica);
    }
    return count;
}

/* Only an entry of its own term is committed by counting; what no log holds with that
 * term, it had heard of before it led. */
static void raft_counted(struct check_raft *raft, struct raft_shard *shard,
                         struct raft_replica *replica, const struct history_replica *seen)
{
    uint64_t place = hash_mix(seen->shard) + seen->index;
    struct raft_voters members = raft_told_voters(seen);
    if (members.count == 0 || check_facts_find(&raft->pairs, place, seen->term) == NULL) {
        return;
    }
    uint32_t holders = raft_count_holders(raft, &members, seen);
    /* Members appended since behind the entry did not count for it; whether they were, is
     * not known before they are durable. */
    bool since = replica->members.version != members.version ||
                 replica->members.index > seen->index;
    if (holders <= members.count / 2 &&
        (!since || replica->led_by.version == 0 ||
         raft_count_holders(raft, &replica->led_by, seen) <= replica->led_by.count / 2)) {
        check_fail(raft->report, CHECK_RAFT,
                   "shard %lu: replica %lu commits index %lu in term %lu, durable on %u "
                   "of %u voters (members v%lu)",
                   seen->shard, seen->replica, seen->index, seen->term, holders,
                   members.count, members.version);
    }
    replica->led_by = members;
    struct raft_entry *entry = raft_entry_at(raft, shard, seen->index);
    if (entry != NULL) {
        raft_term_committed(raft, shard, entry, seen->term, seen->replica);
    }
}

/* --- Logs ------------------------------------------------------------------------------ */

/* The log ends before `index`, as far as is known. */
static void raft_cut(struct raft_replica *replica, uint64_t index)
{
    for (uint64_t i = index; i <= replica->last; i++) {
        if (replica->stored[i % CHECK_STORED_MAX].index == i) {
            replica->stored[i % CHECK_STORED_MAX] = (struct raft_stored){0};
        }
    }
    replica->last = replica->last < index ? replica->last : index - 1;
    if (index <= replica->members.index) {
        replica->members.version = 0;
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
    raft_cut(replica, seen->index); /* what was behind it is gone */
    replica->stored[seen->index % CHECK_STORED_MAX] =
        (struct raft_stored){seen->index, seen->term};
    replica->last = seen->index;
    raft_members_stored(raft, replica, seen);
}

/* The state came from elsewhere: what the log had says nothing any more. */
static void raft_reset(struct raft_replica *replica, const struct history_replica *seen)
{
    raft_cut(replica, 1);
    replica->members.version = 0;
    replica->covered = seen->index;
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
                       struct raft_replica *replica, const struct history_replica *seen)
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
    raft_elected(raft, replica, seen);
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
    replica->votes[seen->term % RAFT_VOTES_KEPT] =
        (struct raft_stored){.index = seen->vote, .term = seen->term};
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
        raft_counted(raft, shard, replica, seen);
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
