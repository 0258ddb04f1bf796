/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/network.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "tests/sim/chance.h"

void network_init(struct sim_network *network, struct sim_heap *heap, uint64_t seed,
                  void (*drop)(struct sim_packet *packet))
{
    memset(network, 0, sizeof *network);
    network->heap = heap;
    network->drop = drop;
    sim_stream_init(&network->rng, seed, SIM_STREAM_NETWORK);
}

void network_close(struct sim_network *network)
{
    while (network->free != NULL) {
        struct sim_packet *packet = network->free;
        network->free = packet->next;
        buffer_close(&packet->bytes);
        free(packet);
    }
}

void network_heal(struct sim_network *network, uint16_t lose_permille,
                  uint16_t repeat_permille)
{
    for (unsigned from = 0; from < SIM_ADDRESSES; from++) {
        for (unsigned to = 0; to < SIM_ADDRESSES; to++) {
            network->lines[from][to] = (struct sim_line){
                .lose_permille = lose_permille, .repeat_permille = repeat_permille};
        }
    }
    memset(network->deaf_until_us, 0, sizeof network->deaf_until_us);
}

struct sim_packet *network_packet(struct sim_network *network, enum sim_packet_kind kind,
                                  uint32_t from, uint32_t to)
{
    struct sim_packet *packet = network->free;
    if (packet != NULL) {
        network->free = packet->next;
        buffer_clear(&packet->bytes);
    } else {
        packet = memory_zalloc(sizeof *packet);
        buffer_init(&packet->bytes);
    }
    packet->references = 1;
    packet->kind = kind;
    packet->from = from;
    packet->to = to;
    packet->attempt = 0;
    packet->call = NULL;
    return packet;
}

void network_release(struct sim_network *network, struct sim_packet *packet)
{
    ASSERT(packet->references > 0);
    if (--packet->references == 0) {
        network->drop(packet);
        packet->next = network->free;
        network->free = packet;
    }
}

static void network_carry(struct sim_network *network, uint64_t now_us,
                          struct sim_packet *packet, const struct sim_line *line)
{
    uint64_t delay = sim_between(&network->rng, SIM_DELAY_LEAST_US, SIM_DELAY_MOST_US);
    if (sim_percent(&network->rng, 1)) {
        delay += rng_below(&network->rng, SIM_DELAY_TAIL_US);
    }
    if (line->slow_us > 0) {
        delay += sim_between(&network->rng, line->slow_us, 2 * (uint64_t)line->slow_us);
    }
    packet->references++;
    sim_heap_push(network->heap, (struct sim_event){.at_us = now_us + delay,
                                                    .kind = SIM_EVENT_PACKET,
                                                    .target = packet->to,
                                                    .data = packet});
}

static bool network_deaf(const struct sim_network *network, uint64_t now_us,
                         const struct sim_packet *packet)
{
    return packet->from < SIM_CLIENT_BASE && packet->to < SIM_CLIENT_BASE &&
           (now_us < network->deaf_until_us[packet->from] ||
            now_us < network->deaf_until_us[packet->to]);
}

void network_send(struct sim_network *network, uint64_t now_us, struct sim_packet *packet)
{
    const struct sim_line *line = &network->lines[packet->from][packet->to];
    network->sent++;
    if (packet->from == packet->to) { /* no wire */
        packet->references++;
        sim_heap_push(network->heap, (struct sim_event){.at_us = now_us + 1,
                                                        .kind = SIM_EVENT_PACKET,
                                                        .target = packet->to,
                                                        .data = packet});
    } else if (line->cut || network_deaf(network, now_us, packet) ||
               rng_below(&network->rng, 1000) < line->lose_permille) {
        network->lost++;
    } else {
        network_carry(network, now_us, packet, line);
        if (rng_below(&network->rng, 1000) < line->repeat_permille) {
            network->repeated++;
            network_carry(network, now_us, packet, line);
        }
    }
    network_release(network, packet);
}
