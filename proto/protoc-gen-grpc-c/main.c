/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protoc-gen-grpc-c: typed gRPC stubs in C for protobuf-c messages.
 *
 *     protoc --plugin=protoc-gen-grpc-c=PATH --grpc-c_out=DIR FILE.proto
 *
 * Reads a CodeGeneratorRequest from standard input and writes a CodeGeneratorResponse
 * (google/protobuf/compiler/plugin.proto) to standard output.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "google/protobuf/compiler/plugin.pb-c.h"
#include "proto/protoc-gen-grpc-c/generate.h"
#include "proto/protoc-gen-grpc-c/names.h"
#include "shard/base/memory.h"

typedef Google__Protobuf__Compiler__CodeGeneratorRequest request_type;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse response_type;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse__File output_type;

enum {
    READ_BYTES = 65536,
    FEATURE_PROTO3_OPTIONAL = 1,
    OUTPUTS_PER_FILE = 2,
};

static bool read_all(FILE *input, struct buffer *out)
{
    size_t got;
    do {
        uint8_t *space = buffer_extend(out, READ_BYTES);
        got = fread(space, 1, READ_BYTES, input);
        out->size -= READ_BYTES - got;
    } while (got > 0);
    return ferror(input) == 0;
}

static Google__Protobuf__FileDescriptorProto *find_file(const request_type *request,
                                                        const char *name)
{
    for (size_t i = 0; i < request->n_proto_file; i++) {
        if (strcmp(request->proto_file[i]->name, name) == 0) {
            return request->proto_file[i];
        }
    }
    return NULL;
}

static output_type *make_output(
    const char *path, const char *suffix,
    void (*generate)(struct buffer *, const Google__Protobuf__FileDescriptorProto *),
    const Google__Protobuf__FileDescriptorProto *file)
{
    output_type *output = memory_alloc(sizeof *output);
    struct name name = name_of_output(path, suffix);
    struct buffer text;
    size_t size;
    google__protobuf__compiler__code_generator_response__file__init(output);
    buffer_init(&text);
    generate(&text, file);
    buffer_append(&text, "", 1);
    output->name = memory_string(name.text);
    output->content = (char *)buffer_release(&text, &size);
    return output;
}

static void free_outputs(output_type **outputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(outputs[i]->name);
        free(outputs[i]->content);
        free(outputs[i]);
    }
    free(outputs);
}

static bool write_response(const response_type *response, FILE *output)
{
    size_t size =
        google__protobuf__compiler__code_generator_response__get_packed_size(response);
    uint8_t *bytes = memory_alloc(size);
    bool written;
    google__protobuf__compiler__code_generator_response__pack(response, bytes);
    written = fwrite(bytes, 1, size, output) == size && fflush(output) == 0;
    free(bytes);
    return written;
}

static bool answer(request_type *request)
{
    size_t count = 0;
    bool written;
    output_type **outputs = memory_alloc(
        (request->n_file_to_generate * OUTPUTS_PER_FILE + 1) * sizeof(output_type *));
    response_type response = GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__INIT;
    for (size_t i = 0; i < request->n_file_to_generate; i++) {
        Google__Protobuf__FileDescriptorProto *file =
            find_file(request, request->file_to_generate[i]);
        Google__Protobuf__SourceCodeInfo *comments;
        if (file == NULL) {
            continue;
        }
        comments = file->source_code_info;
        file->source_code_info = NULL;
        outputs[count++] = make_output(file->name, ".grpc-c.h", generate_header, file);
        outputs[count++] = make_output(file->name, ".grpc-c.c", generate_source, file);
        file->source_code_info = comments;
    }
    response.has_supported_features = true;
    response.supported_features = FEATURE_PROTO3_OPTIONAL;
    response.n_file = count;
    response.file = outputs;
    written = write_response(&response, stdout);
    free_outputs(outputs, count);
    return written;
}

int main(void)
{
    struct buffer input;
    request_type *request;
    bool answered = false;
    buffer_init(&input);
    if (!read_all(stdin, &input)) {
        fprintf(stderr, "protoc-gen-grpc-c: standard input cannot be read\n");
        goto done;
    }
    request = google__protobuf__compiler__code_generator_request__unpack(NULL, input.size,
                                                                         input.data);
    if (request == NULL) {
        fprintf(stderr, "protoc-gen-grpc-c: this is not a CodeGeneratorRequest\n");
        goto done;
    }
    answered = answer(request);
    google__protobuf__compiler__code_generator_request__free_unpacked(request, NULL);
done:
    buffer_close(&input);
    return answered ? 0 : 1;
}
