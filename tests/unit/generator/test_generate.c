/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/rpc/echo.proto has a method of each kind; its descriptor is in its stubs. */
#include <stdio.h>

#include "proto/protoc-gen-grpc-c/generate.h"
#include "proto/protoc-gen-grpc-c/names.h"
#include "tests/lib/test.h"
#include "tests/unit/rpc/echo.grpc-c.h"

static void read_file(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rb");
    size_t got;
    EXPECT(file != NULL);
    do {
        uint8_t *space = buffer_extend(out, 4096);
        got = fread(space, 1, 4096, file);
        out->size -= 4096 - got;
    } while (got > 0);
    fclose(file);
}

typedef void generate(struct buffer *out,
                      const Google__Protobuf__FileDescriptorProto *file);

static void expect_golden(generate *generate_text, const char *golden)
{
    const struct rpc_file *echo = &rpc_file_tests_unit_rpc_echo_proto;
    Google__Protobuf__FileDescriptorProto *file =
        google__protobuf__file_descriptor_proto__unpack(NULL, echo->descriptor_size,
                                                        echo->descriptor);
    struct buffer made, wanted;
    buffer_init(&made);
    buffer_init(&wanted);
    EXPECT(file != NULL);
    generate_text(&made, file);
    read_file(test_source(golden), &wanted);
    EXPECT_SLICE(buffer_slice(&made), buffer_slice(&wanted));
    buffer_close(&made);
    buffer_close(&wanted);
    google__protobuf__file_descriptor_proto__free_unpacked(file, NULL);
}

TEST(generate, the_header_for_all_four_kinds_is_golden)
{
    expect_golden(generate_header, "golden/rpc/echo.grpc-c.h.golden");
}

TEST(generate, the_source_for_all_four_kinds_is_golden)
{
    expect_golden(generate_source, "golden/rpc/echo.grpc-c.c.golden");
}

TEST(generate, names_are_those_of_protobuf_c)
{
    EXPECT_STRING(name_of_type(".souk.v1.GetSkuRequest").text, "Souk__V1__GetSkuRequest");
    EXPECT_STRING(name_of_type("a.b_c.lower_name").text, "A__BC__LowerName");
    EXPECT_STRING(name_lower("souk.v1.StockService").text, "souk__v1__stock_service");
    EXPECT_STRING(name_lower("GetSKULevel").text, "get_skulevel");
    EXPECT_STRING(name_lower("V1Alpha").text, "v1_alpha");
    EXPECT_STRING(name_of_file("souk/v1/stock.proto").text, "souk_v1_stock_proto");
    EXPECT_STRING(name_of_output("souk/v1/stock.proto", ".pb-c.h").text,
                  "souk/v1/stock.pb-c.h");
}
