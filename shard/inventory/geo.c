/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/inventory/geo.h"

/* Fixed point: 2^60 is one. Products need twice the bits. */
__extension__ typedef __int128 geo_wide;

enum {
    GEO_BITS = 60,
    GEO_TERMS_MAX = 64, /* of a series; each adds at least half a bit */
};

static const int64_t GEO_ONE = (int64_t)1 << GEO_BITS;
static const int64_t GEO_PI = 3622009729038561421;
static const int64_t GEO_HALF_TURN_E7 = 1800000000;
static const int64_t GEO_RADIUS_M = 6371009; /* mean radius of the Earth (IUGG) */

static int64_t geo_product(int64_t a, int64_t b)
{
    return (int64_t)((geo_wide)a * b / GEO_ONE);
}

static int64_t geo_radians(int64_t degrees_e7)
{
    return (int64_t)((geo_wide)degrees_e7 * GEO_PI / GEO_HALF_TURN_E7);
}

/* Taylor's series, for an angle within a quarter turn. */
static int64_t geo_sine_near(int64_t angle)
{
    int64_t square = geo_product(angle, angle);
    int64_t term = angle, sum = angle;
    for (int i = 1; i < GEO_TERMS_MAX && term != 0; i++) {
        term = -geo_product(term, square) / (2 * i * (2 * i + 1));
        sum += term;
    }
    return sum;
}

/* Within half a turn. */
static int64_t geo_sine(int64_t angle)
{
    if (angle > GEO_PI / 2) {
        return geo_sine_near(GEO_PI - angle);
    }
    return angle < -GEO_PI / 2 ? geo_sine_near(-GEO_PI - angle) : geo_sine_near(angle);
}

static int64_t geo_cosine(int64_t angle)
{
    return geo_sine(GEO_PI / 2 - (angle < 0 ? -angle : angle));
}

static int64_t geo_root(geo_wide square)
{
    geo_wide root = 0;
    for (int bit = GEO_BITS + 1; bit >= 0; bit--) {
        geo_wide next = root + ((geo_wide)1 << bit);
        if (next * next <= square) {
            root = next;
        }
    }
    return (int64_t)root;
}

/* The arc whose sine it is, from 0 to one over the root of two, where the series is quick.
 */
static int64_t geo_arc_near(int64_t sine)
{
    int64_t square = geo_product(sine, sine);
    int64_t power = sine, sum = sine;
    for (int i = 1; i < GEO_TERMS_MAX && power != 0; i++) {
        power = (int64_t)((geo_wide)geo_product(power, square) * (2 * i - 1) / (2 * i));
        sum += power / (2 * i + 1);
    }
    return sum;
}

static int64_t geo_arc(int64_t sine)
{
    geo_wide square = (geo_wide)sine * sine, one = (geo_wide)GEO_ONE * GEO_ONE;
    if (2 * square <= one) {
        return geo_arc_near(sine);
    }
    return square >= one ? GEO_PI / 2 : GEO_PI / 2 - geo_arc_near(geo_root(one - square));
}

int64_t geo_distance_m(struct geo_point a, struct geo_point b)
{
    int64_t a_up = geo_radians(a.latitude_e7), a_round = geo_radians(a.longitude_e7);
    int64_t b_up = geo_radians(b.latitude_e7), b_round = geo_radians(b.longitude_e7);
    int64_t x = geo_product(geo_cosine(a_up), geo_cosine(a_round)) -
                geo_product(geo_cosine(b_up), geo_cosine(b_round));
    int64_t y = geo_product(geo_cosine(a_up), geo_sine(a_round)) -
                geo_product(geo_cosine(b_up), geo_sine(b_round));
    int64_t z = geo_sine(a_up) - geo_sine(b_up);
    geo_wide chord = (geo_wide)x * x + (geo_wide)y * y + (geo_wide)z * z;
    int64_t arc = geo_arc(geo_root(chord / 4));
    return (int64_t)((geo_wide)arc * 2 * GEO_RADIUS_M / GEO_ONE);
}
