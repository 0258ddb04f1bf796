/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distances on the globe in whole numbers, so that every machine ranks alike: points as
 * unit vectors, the chord between them, its arc (a sphere of the mean radius: within 0.6 %
 * of the ellipsoid).
 */
#ifndef SOUK_SHARD_INVENTORY_GEO_H
#define SOUK_SHARD_INVENTORY_GEO_H

#include <stdbool.h>
#include <stdint.h>

enum {
    GEO_LATITUDE_E7_MAX = 900000000, /* degrees times 10^7 */
    GEO_LONGITUDE_E7_MAX = 1800000000,
};

struct geo_point {
    int32_t latitude_e7; /* each within its limit, either way */
    int32_t longitude_e7;
};

static inline bool geo_on_globe(struct geo_point point)
{
    return point.latitude_e7 >= -GEO_LATITUDE_E7_MAX &&
           point.latitude_e7 <= GEO_LATITUDE_E7_MAX &&
           point.longitude_e7 >= -GEO_LONGITUDE_E7_MAX &&
           point.longitude_e7 <= GEO_LONGITUDE_E7_MAX;
}

/* Both 0 says that nobody knows. */
static inline bool geo_known(struct geo_point point)
{
    return point.latitude_e7 != 0 || point.longitude_e7 != 0;
}

/* Metres along the surface, rounded down. */
int64_t geo_distance_m(struct geo_point a, struct geo_point b);

#endif
